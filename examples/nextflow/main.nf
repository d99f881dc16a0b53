// One process, one slide: Nextflow decides what is to be done and where, and wsi-refocus does it.
//
//   nextflow run main.nf --scans '/archive/scans/*.ome.tiff' --refocused /archive/refocused -resume
//
// NOT RUN: there was no Nextflow where this was written. The command in the script block is the one of the Snakemake
// example, which was. Output goes straight to its place, as the results are folders of many files, and an unfinished
// one is continued there by the next try.

params.scans = '*.ome.tiff'
params.refocused = 'refocused'
params.method = 'tsva-lite'

process REFOCUS {
    tag "${scan.simpleName}"
    cpus 2
    memory '4 GB'
    time '4h'
    errorStrategy 'retry'
    maxRetries 2

    input:
    path scan

    output:
    val "${file(params.refocused)}/${scan.simpleName}.ome.zarr"

    script:
    def zarr = "${file(params.refocused)}/${scan.simpleName}.ome.zarr"
    """
    mkdir -p '${file(params.refocused)}'
    test -e '${zarr}/zarr.json' ||
        wsi-refocus run '${scan}' --output '${zarr}' --method '${params.method}' --workers 1 --threads ${task.cpus}
    """
}

workflow {
    REFOCUS(Channel.fromPath(params.scans))
    REFOCUS.out.view { zarr -> "refocused: ${zarr}" }
}

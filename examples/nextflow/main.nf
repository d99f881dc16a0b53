// Slides of a folder as a Nextflow process: one slide a task.
//   nextflow run main.nf --archive /archive --results /results
// Not run by us: Nextflow could not be installed where this was written. The command in it was.
params.archive = 'archive'
params.results = 'results'
params.options = ''

process REFOCUS {
    cpus 2
    memory '3 GB'
    errorStrategy 'retry'
    maxRetries 2
    publishDir params.results, mode: 'move'

    input:
    path slide

    output:
    path '*.refocused.ome.zarr'

    script:
    """
    wsi-refocus run ${slide} --workers 1 --threads ${task.cpus} ${params.options}
    """
}

workflow {
    REFOCUS(Channel.fromPath("${params.archive}/*.ome.tiff"))
}

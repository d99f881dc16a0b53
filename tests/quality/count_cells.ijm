// The same count as CountCells.java by ImageJ's menu commands, for ImageJ with a display: Plugins > Macros > Run.
// Its argument, or what it asks for: a folder of images of 0.499 µm a pixel.
// Prints for each image its threshold and its count.

folder = getArgument();
if (folder == "") folder = getDirectory("Images");
setBatchMode(true);
names = getFileList(folder);
print("ImageJ " + getVersion());
for (i = 0; i < names.length; i++) {
    open(folder + names[i]);
    run("8-bit");
    setMinAndMax(0, 180);
    run("Apply LUT");
    setAutoThreshold("Default");
    getThreshold(lower, upper);
    run("Set Scale...", "distance=1 known=0.499 unit=um");
    run("Set Measurements...", "area");
    run("Analyze Particles...", "size=10-400 show=Nothing clear");
    print(names[i] + " " + upper + " " + nResults);
    close();
}

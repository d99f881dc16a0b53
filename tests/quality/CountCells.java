// Counts cells with ImageJ's own classes: those behind "8-bit", "Apply LUT", setAutoThreshold("Default") and
// "Analyze Particles...". A macro cannot do it headless: every run() builds ImageJ's menus, which need a display.
//
//   java -Djava.awt.headless=true -cp /usr/share/java/ij.jar CountCells.java FOLDER MPP WHITE SMALLEST LARGEST
//
// FOLDER holds images, MPP is in µm per pixel, WHITE a grey level, SMALLEST and LARGEST are areas in µm².
// Prints ImageJ's version, and for each image, by name: the name, its threshold and its count.

import ij.ImageJ;
import ij.ImagePlus;
import ij.io.Opener;
import ij.measure.Measurements;
import ij.measure.ResultsTable;
import ij.plugin.filter.LutApplier;
import ij.plugin.filter.ParticleAnalyzer;
import ij.process.ImageConverter;
import ij.process.ImageProcessor;
import java.io.File;
import java.util.Arrays;

public class CountCells {
    public static void main(String[] given) {
        double[] numbers = Arrays.stream(given).skip(1).mapToDouble(Double::parseDouble).toArray();
        double pixel = numbers[0] * numbers[0];
        File[] files = new File(given[0]).listFiles();
        Arrays.sort(files);
        System.out.println("ImageJ " + ImageJ.VERSION);
        for (File file : files) {
            ImagePlus image = new Opener().openImage(file.getPath());
            new ImageConverter(image).convertToGray8();
            ImageProcessor levels = image.getProcessor();
            levels.setMinAndMax(0, numbers[1]);
            LutApplier applier = new LutApplier();
            applier.setup("", image);
            applier.run(levels);
            levels = image.getProcessor();
            levels.setAutoThreshold("Default");
            ResultsTable found = new ResultsTable();
            new ParticleAnalyzer(
                ParticleAnalyzer.SHOW_NONE, Measurements.AREA, found, numbers[2] / pixel, numbers[3] / pixel
            ).analyze(image);
            System.out.println(file.getName() + " " + (int) levels.getMaxThreshold() + " " + found.size());
        }
    }
}

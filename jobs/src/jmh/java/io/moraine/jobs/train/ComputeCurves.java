package io.moraine.jobs.train;

import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelCost;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Held-out loss against operations of training, of runs of {@code moraine train} on the same data.
 *
 * <p>Arguments: the SVG to write, then run folders; those whose names differ behind {@code -seed}
 * alone are one model. Prints a table of the models and, for each mixture of experts, how many
 * times its operations the dense models need for its loss: log-linear between the dense models'
 * last points, beyond them along the nearest two.
 */
public final class ComputeCurves {

  private static final int WIDTH = 720;
  private static final int HEIGHT = 440;
  private static final int LEFT = 60;
  private static final int RIGHT = 130;
  private static final int TOP = 20;
  private static final int BOTTOM = 60;
  private static final int NAME_WIDTH = 100;
  private static final int NAME_HEIGHT = 12;

  private ComputeCurves() {}

  /** Held-out loss after so many operations. */
  private record Point(double flops, double loss) {}

  /** Runs of one model, one per seed: their held-out losses in order. */
  private record Curve(String name, ModelConfig model, List<List<Point>> seeds) {

    boolean isDense() {
      return model.moeLayers() == 0;
    }

    /** Dense red, latent attention blue, other mixtures green. */
    String color() {
      if (isDense()) {
        return "#c0504d";
      }
      return model.attention() instanceof LatentConfig ? "#1f6fb4" : "#3a8a4d";
    }

    /** Mean over the seeds. */
    List<Point> mean() {
      List<Point> mean = new ArrayList<>();
      for (int i = 0; i < seeds.get(0).size(); i++) {
        int at = i;
        double loss = seeds.stream().mapToDouble(seed -> seed.get(at).loss()).average().orElse(0);
        mean.add(new Point(seeds.get(0).get(i).flops(), loss));
      }
      return mean;
    }

    Point end() {
      return last(mean());
    }

    List<Double> endLosses() {
      return seeds.stream().map(seed -> last(seed).loss()).sorted().toList();
    }
  }

  public static void main(String[] args) throws IOException {
    Locale.setDefault(Locale.ROOT);
    Map<String, Curve> curves = new TreeMap<>();
    try (SparkSession spark =
        SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .getOrCreate()) {
      for (int i = 1; i < args.length; i++) {
        add(curves, spark, args[i]);
      }
    }
    List<Curve> ordered =
        curves.values().stream().sorted(Comparator.comparingDouble(c -> c.end().flops())).toList();
    ordered.forEach(ComputeCurves::print);
    List<Curve> dense = ordered.stream().filter(Curve::isDense).toList();
    for (Curve curve : ordered) {
      if (!curve.isDense() && dense.size() > 1) {
        printFactor(curve, dense);
      }
    }
    Files.writeString(Path.of(args[0]), svg(ordered), StandardCharsets.UTF_8);
  }

  private static void add(Map<String, Curve> curves, SparkSession spark, String folder)
      throws IOException {
    RunFolder run = RunFolder.at(folder);
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    ModelConfig model = TrainSettings.recorded(run.read(hadoop, run.settings()), folder).model();
    double flopsPerToken = new ModelCost(model).trainingFlops(model.maxSequenceLength());
    List<Point> points = new ArrayList<>();
    for (Row row :
        spark
            .read()
            .parquet(folder + "/metrics")
            .where("held_out_loss is not null")
            .orderBy("step")
            .select("tokens_seen", "held_out_loss")
            .collectAsList()) {
      points.add(new Point(flopsPerToken * row.getLong(0), row.getDouble(1)));
    }
    String name = Path.of(folder).getFileName().toString().replaceFirst("-seed.*", "");
    curves
        .computeIfAbsent(name, unused -> new Curve(name, model, new ArrayList<>()))
        .seeds()
        .add(points);
  }

  private static void print(Curve curve) {
    List<Double> losses = curve.endLosses();
    System.out.printf(
        "| %s | %.2f M | %.2f M | %.4f | %.2f | %.3f | %s |%n",
        curve.name(),
        curve.model().parameters() / 1e6,
        curve.model().activeParameters() / 1e6,
        new ModelCost(curve.model()).trainingFlops(curve.model().maxSequenceLength()) / 1e9,
        curve.end().flops() / 1e12,
        curve.end().loss(),
        String.join(", ", losses.stream().map("%.3f"::formatted).toList()));
  }

  private static void printFactor(Curve experts, List<Curve> dense) {
    List<String> factors = new ArrayList<>();
    for (double loss : experts.endLosses()) {
      factors.add("%.2f".formatted(flopsAt(loss, dense) / experts.end().flops()));
    }
    System.out.printf(
        "%s: dense needs %.2f times its operations (by seed %s)%n",
        experts.name(),
        flopsAt(experts.end().loss(), dense) / experts.end().flops(),
        String.join(", ", factors));
  }

  /** Operations at which the dense models reach a loss. */
  private static double flopsAt(double loss, List<Curve> dense) {
    int i = 0;
    while (i < dense.size() - 2 && dense.get(i + 1).end().loss() > loss) {
      i++;
    }
    Point a = dense.get(i).end();
    Point b = dense.get(i + 1).end();
    double share = (a.loss() - loss) / (a.loss() - b.loss());
    return a.flops() * Math.pow(b.flops() / a.flops(), share);
  }

  private static String svg(List<Curve> curves) {
    double low = curves.stream().mapToDouble(c -> c.end().loss()).min().orElseThrow();
    double high = curves.stream().mapToDouble(c -> c.mean().get(0).loss()).max().orElseThrow();
    double from = curves.stream().mapToDouble(c -> c.mean().get(0).flops()).min().orElseThrow();
    double to = curves.stream().mapToDouble(c -> c.end().flops()).max().orElseThrow();
    StringBuilder svg =
        new StringBuilder(
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
            <rect width="100%%" height="100%%" fill="white"/>
            <text x="%d" y="%d">operations of training (log scale)</text>
            <text x="14" y="%d" transform="rotate(-90 14 %d)">held-out loss, nats per token</text>
            """
                .formatted(WIDTH, HEIGHT, LEFT, HEIGHT - 10, HEIGHT - BOTTOM, HEIGHT - BOTTOM));
    for (double exponent = Math.ceil(Math.log10(from) * 2) / 2;
        exponent <= Math.log10(to);
        exponent += 0.5) {
      double x = x(Math.pow(10, exponent), from, to);
      svg.append(line(x, TOP, x, HEIGHT - BOTTOM, "#ddd"));
      svg.append(
          label(x - 16, HEIGHT - BOTTOM + 16, "#333", "%.1e".formatted(Math.pow(10, exponent))));
    }
    for (double loss = Math.ceil(low * 4) / 4; loss <= high; loss += 0.25) {
      double y = y(loss, low, high);
      svg.append(line(LEFT, y, WIDTH - RIGHT, y, "#ddd"));
      svg.append(label(LEFT - 36, y + 4, "#333", "%.2f".formatted(loss)));
    }
    for (Curve curve : curves) {
      String color = curve.color();
      svg.append("<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"").append(color);
      svg.append("\" points=\"");
      for (Point point : curve.mean()) {
        svg.append("%.1f,%.1f ".formatted(x(point.flops(), from, to), y(point.loss(), low, high)));
      }
      svg.append("\"/>\n");
      double x = x(curve.end().flops(), from, to);
      for (double loss : curve.endLosses()) {
        svg.append(
            "<circle r=\"3\" cx=\"%.1f\" cy=\"%.1f\" fill=\"%s\"/>%n"
                .formatted(x, y(loss, low, high), color));
      }
    }
    addNames(svg, curves, from, to, low, high);
    return svg.append("</svg>\n").toString();
  }

  /** Behind the curves' ends, the higher one first, each below those before it. */
  private static void addNames(
      StringBuilder svg, List<Curve> curves, double from, double to, double low, double high) {
    double lastX = 0;
    double lastY = 0;
    for (Curve curve :
        curves.stream().sorted(Comparator.comparingDouble(c -> -c.end().loss())).toList()) {
      double x = x(curve.end().flops(), from, to) + 8;
      double y = y(curve.end().loss(), low, high);
      boolean collides = Math.abs(x - lastX) < NAME_WIDTH && y < lastY + NAME_HEIGHT;
      lastX = x;
      lastY = collides ? lastY + NAME_HEIGHT : y;
      svg.append(label(x, lastY, curve.color(), curve.name()));
    }
  }

  private static String line(double x1, double y1, double x2, double y2, String color) {
    return "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>%n"
        .formatted(x1, y1, x2, y2, color);
  }

  private static String label(double x, double y, String color, String text) {
    return "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\">%s</text>%n".formatted(x, y, color, text);
  }

  private static double x(double flops, double from, double to) {
    return LEFT + (WIDTH - LEFT - RIGHT) * Math.log(flops / from) / Math.log(to / from);
  }

  private static double y(double loss, double low, double high) {
    return TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low);
  }

  private static Point last(List<Point> points) {
    return points.get(points.size() - 1);
  }
}

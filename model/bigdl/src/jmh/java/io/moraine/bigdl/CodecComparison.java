package io.moraine.bigdl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Our codecs beside BigDL's {@code FP16CompressedTensor}, in one process, on one core.
 *
 * <p>Arguments: rounds, the folder with BigDL's jars, and the folder or jar of {@code
 * io.moraine.bigdl.speed}.
 */
public final class CodecComparison {

  private CodecComparison() {}

  public static void main(String[] args) throws Exception {
    List<Path> classPath = new ArrayList<>(BigDl.jars(Path.of(args[1])));
    classPath.add(Path.of(args[2]));
    BigDl.open(classPath, 1)
        .load("io.moraine.bigdl.speed.CodecRates", IntConsumer.class)
        .accept(Integer.parseInt(args[0]));
  }
}

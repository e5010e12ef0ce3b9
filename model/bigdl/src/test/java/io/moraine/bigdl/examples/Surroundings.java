package io.moraine.bigdl.examples;

import java.util.function.Supplier;
import scala.util.Properties;

/** The version of Scala that BigDL sees. */
public final class Surroundings implements Supplier<String> {

  /** For {@code BigDl}. */
  public Surroundings() {}

  @Override
  public String get() {
    return Properties.versionNumberString();
  }
}

package io.moraine.bigdl;

import java.net.URL;
import java.net.URLClassLoader;

/**
 * Loads BigDL, the Scala and Spark that it was built for, and whatever is written against it. From
 * outside it sees the Java platform, {@code io.moraine.model} and the package {@code
 * io.moraine.bigdl}, and nothing else: no other Scala or Spark of this JVM.
 *
 * <p>The packages below {@code io.moraine.bigdl} are on the inside: outside, their classes could
 * not be linked.
 */
final class BigDlClassLoader extends URLClassLoader {

  private static final String MODEL = "io.moraine.model.";
  private static final String BRIDGE = BigDl.class.getPackageName() + ".";

  static {
    registerAsParallelCapable();
  }

  private final ClassLoader outside;

  BigDlClassLoader(URL[] classPath, ClassLoader outside) {
    super("bigdl", classPath, ClassLoader.getPlatformClassLoader());
    this.outside = outside;
  }

  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    return isShared(name) ? outside.loadClass(name) : super.loadClass(name, resolve);
  }

  private static boolean isShared(String name) {
    return name.startsWith(MODEL)
        || name.startsWith(BRIDGE) && name.lastIndexOf('.') == BRIDGE.length() - 1;
  }
}

package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import com.intel.analytics.bigdl.serialization.Bigdl.BigDLModule;
import com.intel.analytics.bigdl.tensor.Tensor;
import com.intel.analytics.bigdl.utils.serializer.DeserializeContext;
import com.intel.analytics.bigdl.utils.serializer.ModuleData;
import com.intel.analytics.bigdl.utils.serializer.ModuleLoader$;
import com.intel.analytics.bigdl.utils.serializer.ModulePersister$;
import com.intel.analytics.bigdl.utils.serializer.ModuleSerializer$;
import com.intel.analytics.bigdl.utils.serializer.ProtoStorageType$;
import com.intel.analytics.bigdl.utils.serializer.SerConst$;
import com.intel.analytics.bigdl.utils.serializer.SerializeContext;
import com.intel.analytics.bigdl.utils.serializer.SerializeResult;
import com.intel.analytics.shaded.protobuf_v_3_5_1.CodedInputStream;
import com.intel.analytics.shaded.protobuf_v_3_5_1.InvalidProtocolBufferException;
import io.moraine.bigdl.ModuleSource;
import io.moraine.model.checkpoint.CorruptDataException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import scala.collection.mutable.ArrayBuffer;
import scala.collection.mutable.HashMap;

/**
 * Modules in BigDL's own format, a protocol buffer: what {@code Module.loadModule} and {@code
 * saveModule} do, but for opening files. Theirs are opened through Hadoop, and with them they close
 * the file system that all of the process shares.
 */
final class ModuleFormat {

  /** Protocol buffers end at 2 GB; what is not weights has room in the rest. */
  private static final long LARGEST_BYTES = Integer.MAX_VALUE - (64L << 20);

  private ModuleFormat() {}

  /**
   * Reads a module.
   *
   * @throws CorruptDataException if it is none, or its weights are not in it
   */
  static AbstractModule<Activity, Activity, Object> read(ModuleSource.Saved saved)
      throws IOException {
    BigDLModule written = parse(saved);
    if (!written.containsAttr(SerConst$.MODULE$.GLOBAL_STORAGE())) {
      throw new CorruptDataException(
          "%s has no weights: they are in a file of their own. Save the module with saveModule(path) alone."
              .formatted(saved.name()));
    }
    try {
      return load(written);
    } catch (Exception e) { // Scala throws checked ones that it does not declare
      throw new CorruptDataException(
          "%s cannot be loaded by BigDL 0.13: %s. It is damaged, or has layers of your own, which need their classes beside BigDL's jars."
              .formatted(saved.name(), Causes.innermost(e)));
    }
  }

  private static BigDLModule parse(ModuleSource.Saved saved) throws IOException {
    try (InputStream in = saved.content().open()) {
      CodedInputStream coded = CodedInputStream.newInstance(in);
      coded.setSizeLimit(Integer.MAX_VALUE);
      BigDLModule written = BigDLModule.parseFrom(coded);
      if (!written.getModuleType().isEmpty()) {
        return written;
      }
    } catch (InvalidProtocolBufferException e) {
      throw new CorruptDataException(
          "%s is no module that BigDL saved, or not a whole one: %s"
              .formatted(saved.name(), Causes.innermost(e)));
    }
    throw new CorruptDataException("%s is no module that BigDL saved.".formatted(saved.name()));
  }

  private static AbstractModule<Activity, Activity, Object> load(BigDLModule written) {
    DeserializeContext context =
        new DeserializeContext(
            written,
            new HashMap<>(),
            ProtoStorageType$.MODULE$,
            DeserializeContext.apply$default$4());
    ModuleLoader$.MODULE$.initTensorStorage(context, FloatTensors.TAG, FloatTensors.NUMERIC);
    return ModuleSerializer$.MODULE$.load(context, FloatTensors.TAG, FloatTensors.NUMERIC).module();
  }

  /**
   * Writes a module.
   *
   * @throws IllegalArgumentException if the format cannot hold it
   */
  static void write(AbstractModule<Activity, Activity, Object> module, OutputStream out)
      throws IOException {
    requireRoom(module);
    BigDLModule written;
    Tensor<Object>[] readBack;
    try {
      written = serialized(module);
      readBack = parameters(load(written));
    } catch (Exception e) { // Scala throws checked ones that it does not declare
      throw new IllegalArgumentException(
          "BigDL's format cannot hold %s: %s".formatted(module.getName(), Causes.innermost(e)), e);
    }
    requireSame(parameters(module), readBack);
    written.writeTo(out);
  }

  private static void requireRoom(AbstractModule<Activity, Activity, Object> module) {
    long elements = Arrays.stream(parameters(module)).mapToLong(Tensor::nElement).sum();
    if (elements * Float.BYTES > LARGEST_BYTES) {
      throw new IllegalArgumentException(
          "BigDL's format ends at 2 GB, and %s has %,d weights of 4 bytes"
              .formatted(module.getName(), elements));
    }
  }

  private static BigDLModule serialized(AbstractModule<Activity, Activity, Object> module) {
    ModuleData<Object> data =
        new ModuleData<>(module, new ArrayBuffer<>(), new ArrayBuffer<>(), FloatTensors.TAG);
    SerializeContext<Object> context =
        new SerializeContext<>(
            data,
            new HashMap<>(),
            ProtoStorageType$.MODULE$,
            SerializeContext.apply$default$4(),
            SerializeContext.apply$default$5(),
            FloatTensors.TAG);
    SerializeResult result =
        ModuleSerializer$.MODULE$.serialize(context, FloatTensors.TAG, FloatTensors.NUMERIC);
    ModulePersister$.MODULE$.setTensorStorage(result.bigDLModule(), result.storages());
    return result.bigDLModule().build();
  }

  /** The format tells tensors from each other by hash codes, which two of them may share. */
  private static void requireSame(Tensor<Object>[] written, Tensor<Object>[] read)
      throws IOException {
    boolean isSame = written.length == read.length;
    for (int i = 0; isSame && i < written.length; i++) {
      isSame = Arrays.equals(FloatTensors.values(written[i]), FloatTensors.values(read[i]));
    }
    if (!isSame) {
      throw new IOException(
          "BigDL would read other weights than it was given: two tensors have one hash code. Try again.");
    }
  }

  private static Tensor<Object>[] parameters(AbstractModule<Activity, Activity, Object> module) {
    return module.parameters()._1();
  }
}

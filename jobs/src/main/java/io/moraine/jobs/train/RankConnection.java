package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.transport.Listener;
import io.moraine.model.collective.transport.Mesh;
import io.moraine.model.collective.transport.MeshConfig;
import io.moraine.model.collective.transport.UntrustedException;
import io.moraine.model.tensor.Device;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkEnv;

/** A rank's way to all others, whose addresses it learns at the barrier. */
final class RankConnection {

  private final BarrierTaskContext context;
  private final TrainSettings settings;
  private final Configuration hadoop;

  /**
   * Connects nothing yet.
   *
   * @param context of the rank's task
   * @param hadoop settings of the file systems that stores of certificates may be on
   */
  RankConnection(BarrierTaskContext context, TrainSettings settings, Configuration hadoop) {
    this.context = context;
    this.settings = settings;
    this.hadoop = hadoop;
  }

  /**
   * Connects all ranks with each other; each calls this.
   *
   * @param runId of this attempt; ranks of another one are refused
   * @param secret by which the ranks know each other
   * @param device that this rank computes on
   * @throws ConfigException if the ranks' devices do not go together, or certificates are not
   *     trusted
   */
  Communicator open(String runId, byte[] secret, Device device) {
    String[] hosts =
        Arrays.stream(context.getTaskInfos())
            .map(info -> info.address().replaceFirst(":\\d+$", ""))
            .toArray(String[]::new);
    MeshConfig config = config(runId, secret, hosts.length);
    try (Listener listener = listen(hosts[context.partitionId()])) {
      List<String> places = new ArrayList<>();
      List<String> addresses = new ArrayList<>();
      String own = "%s@%s".formatted(device, SparkEnv.get().executorId());
      for (String said : context.allGather(own + " " + listener.address())) {
        places.add(said.substring(0, said.indexOf(' ')));
        addresses.add(said.substring(said.indexOf(' ') + 1));
      }
      requireAlike(places);
      if (settings.experts().isPresent()) {
        requireApart(places);
      }
      return new Communicator(
          Mesh.connect(config, listener, addresses), settings.connections().hierarchy());
    } catch (UntrustedException e) {
      throw new ConfigException(
          "train.wire.tls: %s See spark.ssl.keyStore and spark.ssl.trustStore."
              .formatted(e.getMessage()),
          e);
    }
  }

  private MeshConfig config(String runId, byte[] secret, int ranks) {
    MeshConfig config =
        new MeshConfig(
            context.partitionId(),
            ranks,
            runId,
            secret,
            settings.connections().silence(),
            settings.connections().compute(),
            context::isInterrupted);
    return settings.connections().hasTls()
        ? config.withTls(new ClusterStores(SparkEnv.get().conf(), hadoop).open())
        : config;
  }

  private Listener listen(String host) {
    return settings.connections().hasUnixSockets()
        ? Listener.withUnixSocket(host)
        : Listener.open(host);
  }

  /**
   * A rank on the processor would hold all others up.
   *
   * @param places of all ranks: device, at, executor
   */
  static void requireAlike(List<String> places) {
    List<String> kinds = places.stream().map(place -> place.replaceFirst("[:@].*", "")).toList();
    if (kinds.stream().distinct().count() > 1) {
      throw new ConfigException(
          "train.engine.device: ranks would compute on different kinds of device: %s. Mend the machines that lack a GPU or its libraries, or say cpu."
              .formatted(String.join(", ", kinds)));
    }
  }

  /**
   * libtorch goes backward through all of a process's models on one GPU by one thread: a rank's
   * would wait there for another rank's experts, whose turn never comes.
   *
   * @param places of all ranks: device, at, executor
   */
  static void requireApart(List<String> places) {
    for (int rank = 0; rank < places.size(); rank++) {
      int first = places.indexOf(places.get(rank));
      if (first < rank && places.get(rank).startsWith("cuda")) {
        throw new ConfigException(
            "train.experts.placement = owners: ranks %d and %d are on one GPU (%s) in one process, where libtorch has one thread for the backward passes of both, and each would wait for the other. Give every rank a GPU or an executor of its own, or say train.experts.placement = replicated."
                .formatted(first, rank, places.get(rank).replaceFirst("@.*", "")));
      }
    }
  }
}

package io.moraine.jobs.train;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.Desk;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.transport.Listener;
import io.moraine.model.collective.transport.MeshConfig;
import io.moraine.model.collective.transport.Rendezvous;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Torch;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.util.SerializableConfiguration;

/**
 * A rank as a process of its own, without Spark: what the barrier stage is measured against.
 *
 * <p>Arguments: a prepared dataset, the run's folder, settings, this rank, ranks. All ranks of a
 * run are started together, on one machine. Trains as {@link RankTask} does, with one thread.
 */
public final class PlainRank {

  private PlainRank() {}

  /** Trains. */
  public static void main(String[] args) throws Exception {
    int rank = Integer.parseInt(args[3]);
    int ranks = Integer.parseInt(args[4]);
    TrainSettings settings =
        TrainSettings.of(
            SettingsFile.read(TrainSettings.DEFAULTS, Optional.of(Path.of(args[2])), Map.of()));
    Configuration hadoop = new Configuration();
    RunFolder run = RunFolder.at(args[1]);
    FileSystem files = run.root().getFileSystem(hadoop);
    files.mkdirs(run.root());
    Desk desk = Desk.make(hadoop, run.leased(), "rank-" + rank);

    Torch.start(1);
    byte[] secret = run.root().toString().getBytes(StandardCharsets.UTF_8);
    MeshConfig config =
        new MeshConfig(
            rank,
            ranks,
            run.root().toString(),
            secret,
            settings.connections().silence(),
            settings.connections().compute(),
            () -> false);
    Listener listener =
        settings.connections().hasUnixSockets()
            ? Listener.withUnixSocket("127.0.0.1")
            : Listener.open("127.0.0.1");
    RunData data = RunData.of(hadoop, List.of(args[0]));
    try (RankSequences sequences = RankSequences.begin(hadoop, data, Optional.empty());
        Communicator communicator =
            new Communicator(
                Rendezvous.inFolder(config, Path.of(args[1], "rendezvous"), listener),
                settings.connections().hierarchy())) {
      new RankTask(
              data.rendered(),
              args[1],
              settings.rendered(),
              Attempt.first(false, desk.ranks()),
              Limits.NONE.left(0),
              1,
              List.of(),
              run.root().toString(),
              secret,
              new SerializableConfiguration(hadoop))
          .train(settings, communicator, Device.CPU, Limits.NONE, sequences);
    }
  }
}

package io.moraine.model.collective

import java.net.{InetAddress, ServerSocket, Socket}
import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}

import scala.jdk.CollectionConverters._

/** Ranks as processes of their own, which can be killed and stopped. */
class ProcessesCollectiveSuite extends AnyFunSuite with Eventually {

  implicit override val patienceConfig: PatienceConfig = PatienceConfig(Span(60, Seconds))

  private val silenceMillis = 8000L

  /** Processes of a run, and a file that each makes when it is under way. */
  private class Run(
      runId: String,
      worldSize: Int,
      work: String,
      places: Seq[String],
      folder: Path,
      options: Seq[String] = Nil,
      silenceMillis: Long = 30000
  ) {
    private val files = (0 until worldSize).map(rank => folder.resolve(s"$runId-$rank.ready"))

    val ranks: Seq[Process] = (0 until worldSize).map { rank =>
      val command = Seq(
        Path.of(System.getProperty("java.home"), "bin", "java").toString,
        "-Xmx256m"
      ) ++ options ++ Seq(
        "-cp",
        System.getProperty("java.class.path"),
        "io.moraine.model.collective.RankMain",
        rank.toString,
        worldSize.toString,
        runId,
        silenceMillis.toString,
        places(rank),
        work,
        files(rank).toString
      )
      new ProcessBuilder(command.asJava)
        .redirectError(folder.resolve(s"$runId-$rank.err").toFile)
        .redirectOutput(folder.resolve(s"$runId-$rank.out").toFile)
        .start()
    }

    /** What a rank's JVM said besides. */
    def errors(rank: Int): String = Files.readString(folder.resolve(s"$runId-$rank.err"))

    def awaitWork(): Unit = eventually(assert(files.forall(Files.exists(_))))

    /** What a rank said at its end, and that it ended in time. */
    def said(rank: Int, withinMillis: Long): String = {
      assert(ranks(rank).waitFor(withinMillis, TimeUnit.MILLISECONDS), s"rank $rank hangs")
      new String(
        Files.readAllBytes(folder.resolve(s"$runId-$rank.out")),
        StandardCharsets.UTF_8
      ).trim
    }

    def signal(name: String, rank: Int): Unit =
      assert(new ProcessBuilder("kill", s"-$name", ranks(rank).pid.toString).start().waitFor() == 0)

    def end(): Unit = ranks.foreach(_.destroyForcibly().waitFor())
  }

  private def withFolder(work: Path => Unit): Unit = {
    val folder = Files.createTempDirectory("moraine-run")
    try work(folder)
    finally {
      val left = Files.list(folder)
      try left.forEach(file => Files.delete(file))
      finally left.close()
      Files.delete(folder)
    }
  }

  private def withRun(
      runId: String,
      worldSize: Int,
      work: String,
      kind: String,
      silenceMillis: Long = 30000
  )(check: Run => Unit): Unit = withFolder { folder =>
    val places = Seq.fill(worldSize)(s"$kind=$folder")
    val run = new Run(runId, worldSize, work, places, folder, Nil, silenceMillis)
    try check(run)
    finally run.end()
  }

  /** What ranks say of every collective: plain loops, and for PowerSGD threads of one process. */
  private def expected(worldSize: Int, seed: Int): Seq[Seq[String]] = {
    val powerSgd = Ranks.run(worldSize)(RankMain.powerSgd).map(rank => RankMain.digest(rank.get))
    assert(powerSgd.toSet.size == 1)
    for (rank <- 0 until worldSize)
      yield RankMain.cases(seed).map { case (name, one) =>
        s"$name ${RankMain.digest(one.expected(rank, worldSize))}"
      } :+ s"powersgd ${powerSgd.head}"
  }

  for (worldSize <- Seq(2, 4); kind <- Seq("tcp", "unix"))
    test(
      s"$kind, $worldSize processes: every collective with every codec gives the bits of plain loops"
    ) {
      withRun("many", worldSize, "all", kind) { run =>
        for ((lines, rank) <- expected(worldSize, "many".length).zipWithIndex)
          assert(run.said(rank, 60000).linesIterator.toSeq == lines)
      }
    }

  test("4 processes on 2 hosts: sums by hosts have the bits of plain loops with every codec") {
    withFolder { folder =>
      val hosts = Seq(0, 0, 1, 1)
      val places = hosts.map(host => s"host=$folder=127.0.0.${1 + host}")
      val contributions = hosts.indices.map(Expected.values(_, RankMain.hostsLength))
      val run = new Run("hosts", 4, "hosts", places, folder)
      val due = for (codec <- Case.codecs) yield {
        val sum = Expected.allReduceByHosts(codec, contributions, hosts)
        s"${codec.name} ${RankMain.digest(sum)}"
      }
      try
        for (rank <- hosts.indices) assert(run.said(rank, 60000).linesIterator.toSeq == due)
      finally run.end()
    }
  }

  test(
    "TLS, 2 processes, new keys for every 256 KiB: every collective gives the bits of plain loops"
  ) {
    withFolder { folder =>
      val limits = Files.writeString(
        folder.resolve("limits"),
        "jdk.tls.keyLimits=AES/GCM/NoPadding KeyUpdate 2^18\n"
      )
      val place = Seq("tls", folder, Certificates.ranks, Certificates.authority).mkString("=")
      val options =
        Seq(s"-Djava.security.properties=$limits", "-Djavax.net.debug=ssl:handshake")
      val run = new Run("keys", 2, "all", Seq.fill(2)(place), folder, options)
      try
        for ((lines, rank) <- expected(2, "keys".length).zipWithIndex) {
          assert(run.said(rank, 60000).linesIterator.toSeq == lines)
          assert("Consuming KeyUpdate".r.findAllIn(run.errors(rank)).size > 5)
        }
      finally run.end()
    }
  }

  for (kind <- Seq("tcp", "unix"))
    test(s"$kind: two runs side by side, in one folder and on one host, do not mix") {
      withFolder { folder =>
        val names = Seq("one", "three")
        val runs = names.map(new Run(_, 2, "all", Seq.fill(2)(s"$kind=$folder"), folder))
        val due = names.map(name => expected(2, name.length))
        assert(due.head != due(1))
        try
          for ((run, ranks) <- runs.zip(due); (lines, rank) <- ranks.zipWithIndex)
            assert(run.said(rank, 60000).linesIterator.toSeq == lines)
        finally runs.foreach(_.end())
      }
    }

  for (worldSize <- Seq(2, 4); kind <- Seq("tcp", "unix")) {
    val others = 0 until worldSize - 1
    val victim = worldSize - 1

    test(
      s"$kind, $worldSize processes: one that is killed ends the operation on all others"
    ) {
      withRun("killed", worldSize, "forever", kind) { run =>
        run.awaitWork()
        run.signal("KILL", victim)
        val messages = others.map(run.said(_, 20000))
        for ((message, rank) <- messages.zipWithIndex)
          assert(
            message.matches(s"all-reduce at step \\d+ on rank $rank of $worldSize: rank \\d: .+"),
            messages
          )
        assert(messages.exists(_.contains(s"rank $victim: connection lost")), messages)
      }
    }

    test(
      s"$kind, $worldSize processes: one that is stopped ends the operation on all at the deadline"
    ) {
      withRun("stopped", worldSize, "forever", kind, silenceMillis) { run =>
        run.awaitWork()
        run.signal("STOP", victim)
        val messages = others.map(run.said(_, silenceMillis + 30000))
        val expected = s"rank $victim gives no sign of life for $silenceMillis ms"
        assert(messages.forall(_.contains(expected)), messages)
        run.signal("CONT", victim)
        assert(run.said(victim, 30000).contains(s"on rank $victim of $worldSize: rank "))
      }
    }
  }

  test("a connection that nobody serves any more, open as it looks, ends the operation on both") {
    val link = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))
    link.setSoTimeout(60000)
    val Seq(first, second) = Ranks.freeAddresses(2)
    val linked = s"127.0.0.1:${link.getLocalPort}"
    withFolder { folder =>
      val places = Seq(s"list=$first,$second", s"list=$linked,$second")
      val run = new Run("half-open", 2, "forever", places, folder, Nil, silenceMillis)
      @volatile var isServed = true
      try {
        val caller = link.accept()
        val callee = eventually(new Socket("127.0.0.1", first.split(':')(1).toInt))
        for ((in, out) <- Seq(caller -> callee, callee -> caller)) {
          val pump = new Thread(() => {
            val bytes = new Array[Byte](10000)
            while (isServed) out.getOutputStream.write(bytes, 0, in.getInputStream.read(bytes))
          })
          pump.setDaemon(true)
          pump.start()
        }
        run.awaitWork()
        isServed = false
        for (rank <- 0 until 2) {
          val message = run.said(rank, silenceMillis + 30000)
          assert(message.contains(s"rank ${1 - rank} gives no sign of life for $silenceMillis ms"))
        }
      } finally run.end()
    }
    link.close()
  }
}

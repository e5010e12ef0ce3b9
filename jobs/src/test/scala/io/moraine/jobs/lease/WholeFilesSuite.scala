package io.moraine.jobs.lease

import io.moraine.jobs.Scratch
import io.moraine.jobs.train.HdfsLike
import java.nio.charset.StandardCharsets
import java.nio.file.Files
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicBoolean
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Try

class WholeFilesSuite extends AnyFunSuite {

  private val hadoop = HdfsLike.register(new Configuration())

  private def write(file: Path, text: String): Unit =
    WholeFiles.of(hadoop, file).write(file, _.write(text.getBytes(StandardCharsets.UTF_8)))

  for (scheme <- Seq("file", "hdfslike"))
    test(s"$scheme: who reads while a file is replaced 300 times always sees one whole text") {
      val folder = Scratch.folder()
      val file = new Path(s"$scheme:$folder/status.json")
      def text(i: Int) = (i % 10).toString * 20000
      write(file, text(0))
      val ended = new AtomicBoolean
      @volatile var wrong = Option.empty[Try[String]]
      @volatile var seen = Set.empty[Char]
      val reader = new Thread(() =>
        while (!ended.get && wrong.isEmpty) {
          val read = Try(Files.readString(folder.resolve("status.json")))
          if (read.toOption.exists(t => t.length == 20000 && t.distinct.length == 1))
            seen += read.get.head
          else wrong = Some(read)
        }
      )
      reader.start()
      for (i <- 1 to 300) write(file, text(i))
      var more = 300
      while (seen.size < 2 && wrong.isEmpty && more < 30000) {
        more += 1
        write(file, text(more))
      }
      ended.set(true)
      reader.join()
      assert(wrong.isEmpty)
      assert(seen.size > 1, "replaced while it was read")
      assert(Files.list(folder).count() == 1, "no draft and no checksum is left")
    }

  test("a file that Hadoop wrote with a checksum is replaced, and Hadoop reads the new one") {
    val file = new Path(s"file:${Scratch.folder()}/settings.json")
    val files = file.getFileSystem(hadoop)
    val out = files.create(file, true)
    out.write("old".getBytes(StandardCharsets.UTF_8))
    out.close()
    assert(files.exists(new Path(file.getParent, ".settings.json.crc")))
    write(file, "new")
    assert(WholeFiles.of(files).text(file).get == "new")
  }

  test("a file system without the newer interface replaces too") {
    val folder = Scratch.folder()
    val older = new Configuration(false)
    older.set("fs.hdfslike.impl", classOf[HdfsLike].getName)
    older.set("fs.hdfslike.impl.disable.cache", "true")
    val file = new Path(s"hdfslike:$folder/settings.json")
    for (text <- Seq("old", "new"))
      WholeFiles.of(older, file).write(file, _.write(text.getBytes(StandardCharsets.UTF_8)))
    assert(Files.readString(folder.resolve("settings.json")) == "new")
  }

  test("the bytes of a file are on the disk before it has its name") {
    val file = new Path(s"hdfslike:${Scratch.folder()}/settings.json")
    val calls = new ConcurrentLinkedQueue[String]
    HdfsLike.watched(call => calls.add(s"${call.name} ${call.file}"))(write(file, "text"))
    assert(
      calls.asScala.toSeq.filterNot(_.startsWith("list")) == Seq(
        "create .settings.json.new",
        "hsync .settings.json.new",
        "close .settings.json.new",
        "rename settings.json"
      )
    )
  }

  for (scheme <- Seq("file", "hdfslike"))
    test(s"$scheme: nothing is written into, renamed from or to a folder that is gone") {
      val folder = Scratch.folder()
      val at = new Path(s"$scheme:$folder")
      val files = WholeFiles.of(hadoop, at)
      write(new Path(at, "there"), "text")
      intercept[java.io.IOException](files.create(new Path(at, "gone/draft")).close())
      intercept[java.io.IOException](files.rename(new Path(at, "there"), new Path(at, "gone/x")))
      intercept[java.io.IOException](files.rename(new Path(at, "gone/x"), new Path(at, "there")))
      assert(Files.readString(folder.resolve("there")) == "text")
      assert(Files.list(folder).count() == 1)
    }
}

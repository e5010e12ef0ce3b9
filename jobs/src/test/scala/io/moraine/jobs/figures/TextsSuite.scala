package io.moraine.jobs.figures

import java.nio.charset.StandardCharsets.UTF_8
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Random

class TextsSuite extends AnyFunSuite {

  private def stretches(left: String, right: String) =
    WordDifference.between(left, right).asScala.toSeq

  test("words that differ, and only these") {
    val found = stretches("a b  c d e", "a x c\nd e f").map { one =>
      (one.isSame, one.left.asScala.mkString, one.right.asScala.mkString)
    }
    assert(
      found == Seq(
        (true, "a", "a"),
        (false, " b", " x"),
        (true, "  c d e", " c\nd e"),
        (false, "", " f")
      )
    )
    assert(stretches("", "").isEmpty)
    assert(stretches("same", "same").map(_.isSame) == Seq(true))
  }

  private def text(random: Random) =
    Seq.fill(random.nextInt(60))("abcd".charAt(random.nextInt(4))).mkString(" ")

  private def longestCommon(a: Seq[String], b: Seq[String]): Int = {
    val table = Array.ofDim[Int](a.size + 1, b.size + 1)
    for (i <- a.indices; j <- b.indices)
      table(i + 1)(j + 1) =
        if (a(i) == b(j)) table(i)(j) + 1 else math.max(table(i)(j + 1), table(i + 1)(j))
    table(a.size)(b.size)
  }

  test("both texts come back, kinds take turns, and as many words as can be are the same") {
    val random = new Random(1)
    for (_ <- 1 to 100) {
      val (left, right) = (text(random), text(random))
      val all = stretches(left, right)
      assert(all.flatMap(_.left.asScala).mkString == left)
      assert(all.flatMap(_.right.asScala).mkString == right)
      assert(all.map(_.isSame).sliding(2).forall(two => two.size < 2 || two(0) != two(1)))
      val same = all.filter(_.isSame)
      for (one <- same) assert(one.left.asScala.map(_.strip) == one.right.asScala.map(_.strip))
      val words = Seq(left, right).map(_.split(' ').toSeq.filter(_.nonEmpty))
      assert(same.map(_.left.size).sum == longestCommon(words(0), words(1)))
    }
  }

  test("texts of many words are compared as far as their first 2,000") {
    val long = (1 to 3000).map(i => s"w$i").mkString(" ")
    val all = stretches(long, "x " + long)
    assert(all.flatMap(_.left.asScala).size == 2001 && all.count(_.isSame) == 1)
    assert(all.last.left.asScala.last == " [... 1,000 more words]")
    assert(all.last.right.asScala.last == " [... 1,001 more words]")
  }

  test("nothing of a text becomes markup, and what turns a page around is replaced") {
    val half = 0xd83d.toChar
    val text = s"<a href='x' title=\"y\">&%\u0000\u202e${half}\n\u2028${half}${0xde00.toChar}"
    assert(
      VisibleText.html(text) == "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;&#37;" +
        s"\ufffd\ufffd\ufffd\n\ufffd${half}${0xde00.toChar}"
    )
    assert(VisibleText.plain("<b>\n\u202e%") == "<b>\n\ufffd%")
  }

  test("tokens can be seen: spaces, line ends, half characters") {
    def shown(text: String) = VisibleText.ofToken(text.getBytes(UTF_8))
    assert(shown(" the\n\t") == "\u2423the\\n\\t")
    assert(shown("\u202e\u0007é") == "\\u202E\\u0007é")
    assert(VisibleText.ofToken(Array[Byte](-61, 'a', ' ')) == "\\xC3a\\x20")
    assert(shown("\\n") == "\\\\n" && shown("\n") == "\\n")
    assert(VisibleText.ofToken(Array[Byte](-61, '\\')) == "\\xC3\\\\")
    assert(shown("%html") == " %html" && shown("5%") == "5%" && shown("\"") == " \"")
  }

  test("folders are called by as much of their paths as tells them apart") {
    def labels(paths: String*) = PathLabels.of(paths.asJava).asScala.toSeq
    assert(labels("/a/run/", "b") == Seq("run", "b"))
    assert(labels("/a/run", "/b/run") == Seq("a/run", "b/run"))
    assert(labels("run", "run") == Seq("run (1)", "run (2)"))
    assert(labels("hdfs://h/x/run") == Seq("run"))
  }

  test("no folder is called by what a chart takes for a number or a table for a mark") {
    def labels(paths: String*) = PathLabels.of(paths.asJava).asScala.toSeq
    assert(
      labels("/runs/2026-11-30", "/runs/2026-12-01") ==
        Seq("folder 2026-11-30", "folder 2026-12-01")
    )
    for (name <- Seq("-1", "+2", ".5", "Infinity", "NaN-run", "\"run", "%run", "_1", "\u0661"))
      assert(labels(s"/a/$name") == Seq(s"folder $name"))
    assert(labels("/a/b\tc\rd") == Seq("b c\ufffdd"))
    val long = "x" * 50
    assert(labels(s"/a/$long") == Seq("folder ..." + "x" * 40))
    assert(labels(s"/a/1$long", s"/a/2$long").distinct.size == 2, "what is cut off may differ")
    assert(labels("/", "//").distinct.size == 2)
  }

  test("beginnings and ends of so many bytes have whole characters") {
    val text = "a\u00e9\u8bed" + Character.toString(0x1f600)
    val beginnings = (0 to 11).map(VisibleText.beginning(text, _).getBytes(UTF_8).length)
    assert(beginnings == Seq(0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10))
    val ends = (0 to 11).map(VisibleText.end(text, _).getBytes(UTF_8).length)
    assert(ends == Seq(0, 0, 0, 0, 4, 4, 4, 7, 7, 9, 10, 10))
    for (bytes <- 0 to 11) {
      assert(text.startsWith(VisibleText.beginning(text, bytes)))
      assert(text.endsWith(VisibleText.end(text, bytes)))
    }
    val Seq(label) = PathLabels.of(java.util.List.of("/runs/" + "\u8bed" * 30)).asScala.toSeq
    assert(label == "folder ..." + "\u8bed" * 13)
  }

  test("a cell neither names a kind of output nor quotes nor ends its row") {
    def cell(text: String) = VisibleText.cell(text)
    assert(cell("%html <b>") == " %html <b>" && cell("\"quoted\"") == " \"quoted\"")
    assert(cell("a\rb\r\nc\r") == "a b\r\nc " && cell("a \" % b") == "a \" % b")
  }
}

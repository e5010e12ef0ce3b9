package io.moraine.pipeline.decontamination

import io.moraine.pipeline.decontamination.DecontaminationConfig.Action
import io.moraine.pipeline.decontamination.DecontaminationConfig.Action.{CUT, DROP}
import io.moraine.pipeline.text.{WordSpans, Words}
import java.util.{BitSet, List => JList}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Random

class DecontaminatorSuite extends AnyFunSuite {

  private def config(n: Int, min: Int, action: Action, cut: CutRule = new CutRule(0, 10, 0)) =
    new DecontaminationConfig(JList.of(), JList.of(), n, min, 0, action, cut)

  private def item(set: String, line: Int, texts: String*) =
    new EvaluationItem(set, line.toLong, texts.asJava)

  private def index(n: Int, min: Int, items: EvaluationItem*) =
    EvaluationIndex.of(items.asJava, n, min)

  private def check(config: DecontaminationConfig, items: EvaluationItem*)(text: String) = {
    val index = EvaluationIndex.of(items.asJava, config.n, config.minItemWords)
    val found = new Decontaminator(index, new BitSet, config).check(text)
    if (found.isPresent) Some(found.get) else None
  }

  private def words(text: String): Vector[String] = {
    val found = Vector.newBuilder[String]
    Words.forEach(text, word => found += word)
    found.result()
  }

  test("an item has the runs of n words of each of its texts, a shorter text itself or nothing") {
    val items = Seq(
      item("a", 1, "one two three four", "One, two, three!"),
      item("a", 2, "five six", "seven"),
      item("b", 1, "two three four", "x")
    )
    val built = index(3, 2, items: _*)
    assert(built.nGrams == 3)
    assert(
      built.sizes(new BitSet).asScala.toSeq == Seq(
        new EvaluationIndex.SetSize("a", 2, 0, 3, 0),
        new EvaluationIndex.SetSize("b", 1, 0, 1, 0)
      )
    )
    val ignored = new BitSet
    built.nGramsOf("two three FOUR").foreach(i => ignored.set(i))
    val longer = index(3, 3, items: _*).sizes(new BitSet).asScala
    assert(longer.head == new EvaluationIndex.SetSize("a", 2, 1, 2, 0))
    assert(built.sizes(ignored).asScala.map(_.ignored) == Seq(1, 1))
  }

  test("random texts and items: n-grams, shared items and words as by brute force") {
    var found = 0
    for (seed <- 1 to 300) {
      val random = new Random(seed)
      val n = 1 + random.nextInt(5)
      val min = 1 + random.nextInt(n)
      def text(most: Int) = Seq.fill(random.nextInt(most))(s"w${random.nextInt(4)}").mkString(" ")
      val items = (1 to 1 + random.nextInt(5)).map(i => item(s"s${i % 2}", i, text(8), text(8)))
      val ofItem = items.map { item =>
        item.texts.asScala.map(words).filter(_.size >= min).flatMap(_.sliding(n)).toSet
      }
      val document = words(text(30))
      val grams = for {
        length <- 1 to n
        i <- 0 to document.size - length
        gram = document.slice(i, i + length) if ofItem.exists(_(gram))
      } yield gram -> (i until i + length)
      val overlap = Overlap.of(
        index(n, min, items: _*),
        WordSpans.of(document.mkString(", ")),
        new BitSet
      )
      val shared = grams.map(_._1).toSet
      val expected = items.zip(ofItem).collect {
        case (item, of) if (of & shared).nonEmpty =>
          new Overlap.ItemOverlap(item.set, item.line, (of & shared).size, of.size)
      }
      assert(overlap.items.asScala.toSet == expected.toSet)
      assert(overlap.items.size == expected.size)
      val order = overlap.items.asScala.map(i => (-i.shared, -i.shared.toDouble / i.nGrams, i.line))
      assert(order == order.sorted)
      assert(
        overlap.words.asScala.flatMap(r => r.from until r.to) == grams.flatMap(_._2).distinct.sorted
      )
      for (set <- overlap.sets.asScala) {
        val ofSet = items.zip(ofItem).filter(_._1.set == set.set).flatMap(_._2).toSet
        assert(set.words == grams.filter(g => ofSet(g._1)).flatMap(_._2).distinct.size)
      }
      assert(overlap.isEmpty == expected.isEmpty)
      found += expected.size
    }
    assert(found > 200)
  }

  test("a dropped document names the item it shares most with, and how much of it") {
    val items = Seq(
      item("arc", 1, "a b c d e f g h"),
      item("mmlu", 7, "a b c d e f"),
      item("mmlu", 8, "x y z")
    )
    val found = check(config(3, 3, DROP), items: _*)("A b, c d. Something else; x y z").get
    assert(found.reason == "contaminated" && found.text == "")
    assert(found.detail == "mmlu line 7: 2 n-grams, 0.500 of the item")
    assert(found.overlap.items.asScala.map(_.line) == Seq(7, 1, 8))
    assert(found.overlap.sets.asScala.map(s => s.set -> s.words) == Seq("arc" -> 4, "mmlu" -> 7))
    val one = check(config(3, 3, DROP), items.last)("x y z").get
    assert(one.detail == "mmlu line 8: 1 n-gram, 1.000 of the item")
    assert(check(config(3, 3, DROP), items: _*)("a b d c").isEmpty)
  }

  test("n-grams that are ignored count neither for a document nor for what is cut") {
    val built = index(3, 3, item("s", 1, "a b c d e"))
    val ignored = new BitSet
    built.nGramsOf("a b c").foreach(i => ignored.set(i))
    assert(new Decontaminator(built, ignored, config(3, 3, DROP)).check("a b c").isEmpty)
    val cut = new Decontaminator(built, ignored, config(3, 3, CUT)).check("x a b c d y").get
    assert(cut.text == "x a\n\ny" && cut.detail == "")
  }

  test("a cut takes the words with their punctuation, and says what it took") {
    val found = check(config(3, 3, CUT), item("s", 4, "b c d"))("🦙 A (B, c d). E f").get
    assert(found.text == "🦙 A\n\nE f" && found.reason == "")
    val why = "s line 4: 1 n-gram, 1.000 of the item"
    assert(found.cuts.asScala == Seq(new Decontaminator.Cut(1, 1, 3, 4, 9, why)))
  }

  test("what surrounds a cut goes in whole words, short pieces too, many pieces end the document") {
    val long = Seq.fill(30)("lorem").mkString(" ")
    val bad = item("s", 1, "q r s")
    def cut(rule: CutRule) = check(config(3, 3, CUT, rule), bad)(s"$long q r s $long").get
    val ten = cut(new CutRule(10, 10, 0))
    assert(ten.text.split("\n\n").toSeq.map(words(_).size) == Seq(28, 28))
    assert(ten.cuts.asScala.map(c => (c.startWord, c.words)) == Seq(28 -> 7))
    val none = cut(new CutRule(0, 10, 181))
    assert(none.reason == "nothing-left" && none.cuts.isEmpty)
    assert(none.detail == "s line 1: 1 n-gram, 1.000 of the item")
    assert(cut(new CutRule(0, 10, 180)).text.length == 2 * 179 + 2)
    val many = check(config(3, 3, CUT, new CutRule(0, 2, 0)), bad)("a q r s b q r s c").get
    assert(many.reason == "too-many-pieces")
    assert(many.detail == "3 pieces > 2; s line 1: 1 n-gram, 1.000 of the item")
  }

  test("pieces that make a new n-gram where they meet are cut again") {
    val found = check(config(3, 3, CUT), item("s", 1, "a b c"), item("s", 2, "x y z"))(
      "one a x y z b c two"
    ).get
    assert(found.text == "one\n\ntwo")
    assert(
      found.cuts.asScala.map(c => (c.pass, c.startWord, c.words)) == Seq((1, 2, 3), (2, 1, 3))
    )
  }

  test(
    "random texts: cuts leave whole words in order, no n-gram, and every word is accounted for"
  ) {
    var cut = 0
    for (seed <- 1 to 400) {
      val random = new Random(seed)
      val n = 2 + random.nextInt(3)
      def text(most: Int) = Seq
        .fill(random.nextInt(most))(
          s"${Seq("", "(", "🦙")(random.nextInt(3))}w${random.nextInt(6)}" +
            Seq(" ", ", ", "\n", "-", "。")(random.nextInt(5))
        )
        .mkString
      val items = (1 to 3).map(i => item("s", i, text(7)))
      val document = text(80)
      val rule = new CutRule(random.nextInt(6), 100, random.nextInt(8))
      val set = config(n, n, CUT, rule)
      for (found <- check(set, items: _*)(document) if found.reason == "") {
        cut += 1
        assert(check(set, items: _*)(found.text).isEmpty)
        val left = found.cuts.asScala.groupBy(_.pass).toSeq.sortBy(_._1).foldLeft(words(document)) {
          case (before, (_, cuts)) =>
            val gone = cuts.flatMap(c => c.startWord until c.startWord + c.words).toSet
            before.zipWithIndex.filterNot(w => gone(w._2)).map(_._1)
        }
        assert(words(found.text) == left)
      }
    }
    assert(cut > 100)
  }

  // EleutherAI/lm-evaluation-harness, tests/test_janitor.py (MIT)
  test("janitor: the texts that are left around 1-grams and 6-grams") {
    val line = "This is a @line #containing a certain number of characters, 76 to be exact. "
    val before = line * 3 + "This is a @line #containing "
    val behind = " characters, 76 to be exact. " + line * 3
    val filth = "FILTH. lots of dirty filtHy FIlTh "
    val other = "FILTH. lots of filtHy dirty FIlTh "
    val filths = Seq("filth lots of dirty filthy filth", "filth lots of filthy dirty filth")
    def pieces(n: Int, dirt: Seq[String])(text: String): Seq[String] = {
      val rule = new CutRule(200, 10, 200)
      val spans = WordSpans.of(text)
      val built = index(n, n, dirt.zipWithIndex.map { case (d, i) => item("dirt", i, d) }: _*)
      val ranges = Overlap.of(built, spans, new BitSet).words
      val found = rule.pieces(text, spans, ranges).asScala.toSeq.filter(rule.keeps(text, _))
      found.map(piece => text.substring(piece.from, piece.to))
    }
    val one = pieces(1, Seq("filth")) _
    val six = pieces(6, filths.take(1)) _
    val both = pieces(6, filths) _
    for (clean <- Seq(one, six, both)) assert(clean(line * 11) == Seq(line * 11))
    assert(one(line * 6 + "FILTH. " + line * 5) == Seq(before))
    assert(one(line * 6 + "FILTH. " + line * 6) == Seq(before, behind))
    assert(six(line * 6 + filth + line * 6) == Seq(before, behind))
    assert(six(line * 6 + filth + line * 6 + filth + line * 6) == Seq(before, behind))
    assert(both(line * 6 + filth + line * 6 + other + line * 6) == Seq(before, behind))
    assert(both(line * 6 + filth * 8 + line * 6 + other * 2 + line * 6) == Seq(before, behind))
  }

  // NVIDIA/NeMo-Curator, tests/test_task_decontamination.py (Apache-2.0)
  private val simple = Seq(
    "This is a simple example task document with enough words.",
    "Two plus two equals four. Two times two equals four as well. However, two divided by two is one.",
    "Cars are (sometimes) red. Bicycles can (occasionally) be blue. Trees often have green leaves.",
    "This is a short one.",
    "This is a short one."
  ).zipWithIndex.map { case (text, i) => item("simple", i + 1, text) }
  private val contaminated = Seq(
    "This document is fine",
    "Before contamination. This is a simple example task document with enough words. After contamination.",
    "This document is not good. Two plus two equals four. Two times two equals four as well. However, one minus one is zero.",
    "Long contamination. Birds are (sometimes) red. Bicycles can (occasionally) be blue. Trees often have green leaves. After contamination.",
    "Small contamination in a very short document 1. SupeR tiNy task with one document!",
    "Small contamination in a very short document 2. Super tiNy task with one document?"
  )

  test("NeMo's task: ten n-grams of 10 and 13 words, those it finds, and what it leaves") {
    val built = index(13, 8, simple: _*)
    val expected = Seq(
      "this is a simple example task document with enough words",
      "two plus two equals four two times two equals four as well however",
      "plus two equals four two times two equals four as well however two",
      "two equals four two times two equals four as well however two divided",
      "equals four two times two equals four as well however two divided by",
      "four two times two equals four as well however two divided by two",
      "two times two equals four as well however two divided by two is",
      "times two equals four as well however two divided by two is one",
      "cars are sometimes red bicycles can occasionally be blue trees often have green",
      "are sometimes red bicycles can occasionally be blue trees often have green leaves"
    )
    assert(built.nGrams == 10 && expected.flatMap(built.nGramsOf(_)).distinct.size == 10)
    val matched = Seq(expected(0), expected(1), expected(9)).flatMap(built.nGramsOf(_))
    assert(contaminated.flatMap(built.nGramsOf(_)) == matched)
    val left = contaminated.map { text =>
      check(config(13, 8, CUT, new CutRule(1, 10, 1)), simple: _*)(text).fold(text)(_.text)
    }
    // NeMo goes on to the ends of the sentences, which takes "one minus one is zero." and "Birds"
    assert(
      left == Seq(
        "This document is fine",
        "Before contamination.\n\nAfter contamination.",
        "This document is not good.\n\none minus one is zero.",
        "Long contamination. Birds\n\nAfter contamination.",
        contaminated(4),
        contaminated(5)
      )
    )
  }

  test("NeMo's tiny task: n-grams of four words") {
    val tiny = item("tiny", 1, "Super tiny task with one document.")
    val built = index(4, 1, tiny)
    val expected = Seq("super tiny task with", "tiny task with one", "task with one document")
    assert(built.nGrams == 3 && expected.flatMap(built.nGramsOf(_)).distinct.size == 3)
    val left = contaminated.map { text =>
      check(config(4, 1, CUT, new CutRule(1, 10, 1)), tiny)(text).fold(text)(_.text)
    }
    assert(left.take(4) == contaminated.take(4))
    assert(
      left.drop(4) == Seq(
        "Small contamination in a very short document 1.",
        "Small contamination in a very short document 2."
      )
    )
  }

  // huggingface/datatrove, tests/pipeline/test_ngrams_decont.py (Apache-2.0); its task's items, as
  // far as its documents quote them
  test("datatrove's documents: those with 12 words of a label, or of label and query") {
    val texts = Seq(
      "A lady walks to a barbell. She bends down and grabs the pole.",
      "get into formation, then begin dancing and flipping as male cheerleaders join them.",
      "He is using commercial lawn mowing equipment. he walks back and forth as he mows the grass.",
      "He is using commercial lawn mowing equipment. he is animated as he does the task.",
      "walks outside plugs his lawn mower in and gets ready to mow",
      "",
      "walks outside plugs his lawn mower in and gets ready to"
    )
    val documents = texts.map(text =>
      s"Nothing is so painful to the human mind as a great and sudden change. $text" +
        " Beware; for I am fearless, and therefore powerful."
    )
    val queries = Seq(texts(0), "He is using commercial lawn mowing equipment. he", texts(4))
    val labels = Seq(texts(1), "walks back and forth as he mows the grass.")
    def kept(items: Seq[String]) = {
      val set = items.zipWithIndex.map { case (text, i) => item("hellaswag", i, text) }
      documents.indices.filter(i => check(config(12, 12, DROP), set: _*)(documents(i)).isEmpty)
    }
    assert(kept(labels) == Seq(0, 2, 3, 4, 5, 6))
    assert(kept(labels ++ queries) == Seq(2, 3, 5, 6))
  }

  test("settings out of range are refused with rule and value") {
    def message(make: => Any) = intercept[IllegalArgumentException](make).getMessage
    assert(message(config(0, 0, DROP)) == "n must be in [1, 100], got 0")
    assert(message(config(13, 14, DROP)) == "min-item-words must be in [1, n], got 14 and n = 13")
    assert(
      message(
        new DecontaminationConfig(JList.of(), JList.of(), 13, 8, -1, DROP, new CutRule(0, 1, 0))
      ) == "max-documents must be at least 0, got -1"
    )
    assert(
      message(new CutRule(-1, 1, 0)) == "surrounding-characters must be at least 0, got -1"
    )
    assert(message(new CutRule(0, 0, 0)) == "max-pieces must be at least 1, got 0")
    assert(message(new CutRule(0, 1, -1)) == "min-piece-characters must be at least 0, got -1")
  }
}

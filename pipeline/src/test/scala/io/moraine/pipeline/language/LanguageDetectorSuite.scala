package io.moraine.pipeline.language

import java.util.List
import opennlp.tools.langdetect.{LanguageDetectorME, LanguageDetectorModel}
import org.scalatest.funsuite.AnyFunSuite

import scala.io.Source
import scala.jdk.CollectionConverters._

/** Prose written for this suite: the same story in 26 languages, one a line, behind its code. */
object Prose {
  lazy val byCode: Seq[(String, String)] = {
    val source = Source.fromResource("languages.tsv")(scala.io.Codec.UTF8)
    try source.getLines().map(_.split('\t')).map(line => line(0) -> line(1)).toList
    finally source.close()
  }

  def in(code: String): String = byCode.find(_._1 == code).get._2

  /** Stretches of so many characters, a third of it apart. */
  def stretches(length: Int): Seq[(String, String)] = for {
    (code, text) <- byCode
    at <- 0 to text.length - length by math.max(5, length / 3)
  } yield code -> text.substring(at, at + length)
}

class LanguageDetectorSuite extends AnyFunSuite {

  private lazy val detector = new LanguageDetector

  /** Indonesian and Malay are one language in two standards; a few lines do not tell them apart. */
  private def isRight(expected: String, found: String): Boolean =
    found == expected || expected == "id" && found == "ms"

  private def isRight(sample: (String, String)): Boolean =
    isRight(sample._1, detector.detect(sample._2).code)

  test("paragraphs in 26 languages are named, all but Indonesian with confidence above 0.65") {
    assert(Prose.byCode.size == 26)
    for ((code, text) <- Prose.byCode) {
      val found = detector.detect(text)
      val least = if (code == "id") 0.5 else 0.65
      assert(isRight(code, found.code) && found.confidence > least, s"$code: $found")
    }
  }

  test("of stretches of 80 characters 97 % are named right, of 40 at least 90 %") {
    for ((length, share) <- Seq(80 -> 0.97, 40 -> 0.90)) {
      val samples = Prose.stretches(length)
      assert(samples.size > 200 && samples.count(isRight(_)) >= share * samples.size, length)
    }
  }

  test("the confidence is the share of right answers within 0.1, and too small for 20 characters") {
    for (length <- Seq(20, 40, 80, 160)) {
      val named = Prose
        .stretches(length)
        .map { case (code, text) => code -> detector.detect(text) }
        .filter(_._2.code != "und")
      def right(of: Seq[(String, DetectedLanguage)]): Double =
        of.count { case (code, language) => isRight(code, language.code) }.toDouble / of.size
      val excess = named.map(_._2.confidence).sum / named.size - right(named)
      assert(if (length == 20) excess < 0 else math.abs(excess) < 0.1, s"$length: $excess")
      assert(right(named.filter(_._2.confidence >= 0.65)) >= 0.97, length)
    }
  }

  test("scores are those of OpenNLP's own detector") {
    val in = getClass.getResourceAsStream(LanguageModel.RESOURCE)
    val reference =
      try new LanguageDetectorME(new LanguageDetectorModel(in))
      finally in.close()
    val model = LanguageModel.shared
    for ((code, text) <- Prose.byCode) {
      // What both take for text: OpenNLP's normalisation leaves punctuation, ours does not.
      val letters = text.toLowerCase(java.util.Locale.ROOT).map(c => if (c.isLetter) c else ' ')
      val same = letters.trim.replaceAll(" +", " ")
      val shares = model.scores(same).map(math.exp)
      val ours = model.languages.zip(shares.map(_ / shares.sum)).toMap
      for (theirs <- reference.predictLanguages(same))
        assert(math.abs(ours(theirs.getLang) - theirs.getConfidence) < 1e-5, s"$code $theirs")
    }
  }

  test("texts that do not tell are undetermined") {
    val nothing = Seq(
      "",
      "12 34 5678 ... --- 99",
      "short one",
      "x" * 5000,
      "https://www.example.com/wiki/Die_Geschichte_der_Welt",
      "\ud83d\ude00" * 100
    )
    for (text <- nothing) assert(detector.detect(text) == DetectedLanguage.UNDETERMINED, text)
  }

  test("source code with English names is English, addresses count for nothing") {
    val code = "public static void main(String[] args) { for (int i = 0; i < args.length; i++) }" +
      " // Prints every argument of the command line and returns when nothing is left."
    assert(detector.detect(code).code == "en")
    val links = " https://www.example.com/the-story-of-the-world-and-all-that-is-in-it" * 9
    assert(detector.detect(Prose.in("de") + links).code == "de")
  }

  test("a long text is sampled evenly: its beginning alone does not decide") {
    val german = (Prose.in("de") + "\n") * 200
    val mixed = Prose.in("en") * 2 + german
    assert(detector.detect(mixed).code == "de")
    val sample = LetterSample.of(german)
    assert(sample.text.length <= LetterSample.SAMPLES * (LetterSample.SAMPLE_LENGTH + 1) + 1)
    assert(detector.detect("a1 " * 3000000 + Prose.in("fr")).code != "en")
  }

  test("many threads get the same answers from one model") {
    val expected = Prose.byCode.map(p => detector.detect(p._2))
    val answers = (1 to 200).asJava
      .parallelStream()
      .map[Seq[DetectedLanguage]](_ => Prose.byCode.map(p => new LanguageDetector().detect(p._2)))
      .toList
    assert(answers.asScala.forall(_ == expected))
  }

  test("every language of the model has a code, two letters where ISO 639-1 has them") {
    val codes = LanguageModel.shared.languages.map(LanguageCodes.of).toSet
    assert(codes + "und" == LanguageCodes.ALL.asScala)
    val two = java.util.Locale.getISOLanguages.toSet
    val known = two.map(code => new java.util.Locale(code).getISO3Language -> code).toMap
    for (code <- LanguageModel.shared.languages if known.contains(code))
      assert(
        LanguageCodes.of(code) == new java.util.Locale(known(code)).toLanguageTag,
        code
      )
    assert(
      codes.filter(_.length == 3) ==
        Set("ast", "ceb", "gsw", "min", "nan", "nds", "pnb", "war")
    )
  }

  test("a document is kept for its language and its confidence") {
    val english = new LanguageConfig(true, List.of("en"), 0.65)
    assert(
      english.objection(new DetectedLanguage("fr", 0.984)).get == "fr 0.98, kept: en >= 0.65"
    )
    assert(english.objection(new DetectedLanguage("en", 0.5)).get == "en 0.50, kept: en >= 0.65")
    assert(english.objection(new DetectedLanguage("en", 0.65)).isEmpty)
    val two = new LanguageConfig(true, List.of("en", "de"), 0.5)
    assert(two.objection(DetectedLanguage.UNDETERMINED).get == "und 0.00, kept: en, de >= 0.5")
    val every = new LanguageConfig(true, List.of(), 0.65)
    assert(every.objection(DetectedLanguage.UNDETERMINED).isEmpty)
  }

  test("settings that cannot be met are refused") {
    def refused(make: => LanguageConfig) = intercept[IllegalArgumentException](make).getMessage
    val unknown = refused(new LanguageConfig(true, List.of("english"), 0.65))
    assert(
      unknown.startsWith("keep must name languages of af, ar, ast, ") && unknown.endsWith(
        ", got english"
      )
    )
    assert(
      refused(
        new LanguageConfig(true, List.of(), 1.5)
      ) == "min-confidence must be in [0, 1], got 1.5"
    )
    assert(
      refused(new LanguageConfig(false, List.of("en"), 0.65)) == "keep = [en] needs enabled = true"
    )
  }
}

package io.moraine.pipeline.tokenizer

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer
import java.io.ByteArrayInputStream
import java.nio.charset.StandardCharsets.{US_ASCII, UTF_8}
import java.nio.file.{Files, Path}
import java.util.{List => JList}
import org.scalatest.Assertions.assume

import scala.jdk.CollectionConverters._

/** Published vocabularies, one that is trained here, and Hugging Face's own tokenizers. */
object Vocabularies {

  private val root = System.getProperty("moraine.root", "..")

  lazy val cl100k: Tokenizer = ranks("cl100k_base", PreTokenizer.CL100K, 100257)
  lazy val o200k: Tokenizer = ranks("o200k_base", PreTokenizer.O200K, 199999)
  lazy val gpt2: Tokenizer = ranks("r50k_base", PreTokenizer.GPT2, 50256)

  lazy val trained: Tokenizer = {
    val counts = new PieceCounts
    val preTokenizer = new PreTokenizer(JList.of(PreTokenizer.CL100K))
    RealText.code.take(150).foreach(text => preTokenizer.split(text, counts: PieceSink))
    val config =
      new TokenizerConfig(8192, 2, Long.MaxValue, JList.of(Tokenizer.END_OF_TEXT))
    new Tokenizer(BpeTrainer.train(counts, config, _ => ()), preTokenizer)
  }

  /** DeepSeek-V3's own file, which `.ci/fetch-tokenizers` gets; tests are cancelled without it. */
  def deepSeekV3Json: String = {
    val file = Path.of(root, "target", "tokenizers", "deepseek-v3", "tokenizer.json")
    assume(Files.exists(file), s"$file is absent; .ci/fetch-tokenizers gets it")
    val text = Files.readString(file)
    val digest = "621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41"
    assert(TokenizerJson.digest(text) == digest, s"$file is another than the published one")
    text
  }

  def rankFile(name: String): String = {
    val in = getClass.getResourceAsStream(s"/com/knuddels/jtokkit/$name.tiktoken")
    try new String(in.readAllBytes(), US_ASCII)
    finally in.close()
  }

  private def ranks(name: String, pattern: String, endOfText: Int): Tokenizer =
    new Tokenizer(
      RankFile.read(rankFile(name), Map(Tokenizer.END_OF_TEXT -> Int.box(endOfText)).asJava),
      new PreTokenizer(JList.of(pattern))
    )

  /** A tokenizer.json of the 256 bytes alone, to see how Hugging Face cuts a text. */
  def bytesOnly(pattern: String): Tokenizer =
    new Tokenizer(
      new BpeModel(
        (0 until 256).map(b => Array(b.toByte)).asJava,
        JList.of(),
        JList.of(): JList[Integer]
      ),
      new PreTokenizer(JList.of(pattern))
    )

  /** Hugging Face's Rust implementation. */
  final class HuggingFace(json: String) {

    // Else it truncates to 512 tokens; the object must stay reachable, it frees native memory.
    private val tokenizer = HuggingFaceTokenizer.newInstance(
      new ByteArrayInputStream(json.getBytes(UTF_8)),
      Map("truncation" -> "false", "padding" -> "false", "addSpecialTokens" -> "false").asJava
    )

    def encode(text: String): Array[Int] = tokenizer.encode(text).getIds.map(_.toInt)

    def decode(ids: Array[Int]): String = tokenizer.decode(ids.map(_.toLong), false)

    /** Where pieces end, in bytes of UTF-8, if each byte is a token. */
    def pieceEnds(text: String): Seq[Int] = {
      val pieces = tokenizer.encode(text).getWordIds
      (1 to pieces.length).filter(i => i == pieces.length || pieces(i) != pieces(i - 1))
    }
  }

  object HuggingFace {
    System.setProperty("ai.djl.offline", "true")
    System.setProperty("OPT_OUT_TRACKING", "true")
    System.setProperty("RUST_FLAVOR", "cpu")
    System.setProperty("DJL_CACHE_DIR", Path.of(root, "pipeline", "target", "djl").toString)

    def apply(json: String): HuggingFace = new HuggingFace(json)
  }
}

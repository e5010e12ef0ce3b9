package io.moraine.pipeline.tokenizer

import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.pipeline.Fixtures
import java.net.JarURLConnection
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Files
import java.util.Locale
import java.util.zip.GZIPInputStream

import scala.jdk.CollectionConverters._

/** Twenty megabytes that people wrote: source code of Spark and Scala, English, names of languages
  * and countries in all languages that the JDK knows.
  */
object RealText {

  lazy val code: Seq[String] = Seq(
    "/scala/Option.scala",
    "/org/apache/spark/sql/catalyst/InternalRow.scala",
    "/org/apache/spark/sql/Dataset.scala"
  ).flatMap(sources)

  lazy val english: Seq[String] = {
    val json = new JsonMapper
    val in = new GZIPInputStream(Files.newInputStream(Fixtures.file("corpus/book.jsonl.gz")))
    val book =
      try new String(in.readAllBytes(), UTF_8).linesIterator.toSeq
      finally in.close()
    val plays = Files.readString(Fixtures.file("shakespeare/input.txt")).grouped(20_000).toSeq
    book.map(line => json.readTree(line).path("text").asText) ++ plays
  }

  lazy val languages: Seq[String] = Locale.getAvailableLocales.toSeq
    .sortBy(_.toLanguageTag)
    .map { locale =>
      val names = Locale.getISOCountries.toSeq.map(country =>
        new Locale("", country).getDisplayCountry(locale)
      ) ++ Locale.getISOLanguages.toSeq.map(language =>
        new Locale(language).getDisplayLanguage(locale)
      )
      names.mkString(", ")
    }
    .distinct

  lazy val all: Seq[String] = code ++ english ++ languages

  /** The source files of the jar that has this one. */
  private def sources(name: String): Seq[String] = {
    val jar =
      getClass.getResource(name).openConnection().asInstanceOf[JarURLConnection].getJarFile
    jar.entries.asScala.toSeq
      .filter(entry => entry.getName.endsWith(".scala") || entry.getName.endsWith(".java"))
      .sortBy(_.getName)
      .map(entry => new String(jar.getInputStream(entry).readAllBytes(), UTF_8))
  }
}

package io.moraine.jobs.cli

import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import java.nio.file.{Files, Path}
import org.yaml.snakeyaml.Yaml
import picocli.CommandLine

import scala.jdk.CollectionConverters._

/** The files of conf/schedule, and what reads them. */
object Schedules {

  val root: Path = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize
  val folder: Path = root.resolve("conf/schedule")

  def text(name: String): String = Files.readString(folder.resolve(name))

  /** Parses a command line as the program does: the command's name. Its options must be known and
    * complete.
    */
  def parse(words: Seq[String]): String = {
    val command = new CommandLine(new MoraineCommand()).setCaseInsensitiveEnumValuesAllowed(true)
    command.parseArgs(words: _*).subcommand.commandSpec.name
  }

  def tree(yaml: String): ObjectNode =
    new JsonMapper().valueToTree[ObjectNode](new Yaml().load[Object](yaml))

  /** The texts of an array. */
  def texts(node: com.fasterxml.jackson.databind.JsonNode): Seq[String] =
    node.elements.asScala.map(_.asText).toSeq
}

package io.moraine.jobs.progress

import java.io.{ByteArrayOutputStream, PrintStream}
import org.scalatest.funsuite.AnyFunSuite

class ProgressSuite extends AnyFunSuite {

  private def said(terminal: Boolean): String = {
    val bytes = new ByteArrayOutputStream
    val times = Iterator(1_000_000_000L, 3_500_000_000L)
    val progress = new Progress(new PrintStream(bytes, true), terminal, () => times.next())
    progress.start("read")
    progress.update("half")
    progress.done("10 documents")
    bytes.toString
  }

  test("away from a terminal a step is two plain lines, without its intermediate state") {
    assert(said(terminal = false) == "read ...\nread: 10 documents (2.5 s)\n")
  }

  test("on a terminal the intermediate state is shown and wiped") {
    assert(said(terminal = true).contains("\r\u001b[K  half\r\u001b[Kread: 10 documents"))
  }
}

package io.moraine.jobs.figures

import java.nio.file.{Files, Path}
import org.scalatest.exceptions.TestFailedException
import org.scalatest.funsuite.AnyFunSuite

/** What looks at notes on a server sees one paragraph that failed, and leaves none behind. */
class LiveNoteSuite extends AnyFunSuite {

  private val corpus = Files.readString(
    Path.of(System.getProperty("moraine.root", "..")).resolve("notebooks/corpus.zpln")
  )

  private def served(body: NoteServer => Unit): Unit = {
    val server = new NoteServer
    try body(server)
    finally server.close()
  }

  test("a note whose run is answered with OK fails by the one paragraph that failed") {
    served { server =>
      server.failing = Set("Languages")
      val thrown = intercept[TestFailedException](LiveNote.run(server.url, corpus))
      assert(thrown.getMessage.contains("Languages: "), thrown.getMessage)
      assert(server.imported.isEmpty)
    }
  }

  test("a note all of whose paragraphs ran passes, also on a server that has it already") {
    served { server =>
      LiveNote.run(server.url, corpus)
      assert(server.imported.isEmpty)
      server.take(corpus)
      LiveNote.run(server.url, corpus)
      assert(server.imported == Seq(corpus))
    }
  }

  test("a note that the server does not take fails") {
    served { server =>
      val thrown = intercept[TestFailedException] {
        LiveNote.run(server.url + "/elsewhere", corpus)
      }
      assert(thrown.getMessage.contains("POST /import"))
    }
  }
}

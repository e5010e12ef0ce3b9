package io.moraine.pipeline.url

import org.scalatest.funsuite.AnyFunSuite

class UrlKeySuite extends AnyFunSuite {

  test("URLs of the same page have one key") {
    for (
      url <- Seq(
        "http://example.com/a/b?x=1",
        "https://www.Example.com:443/a/b/?x=1#part",
        "https://user@example.com/a/b?utm_source=mail&x=1&gclid=7",
        "  //example.com/a/b?x=1 "
      )
    )
      assert(UrlKey.of(url) == "example.com/a/b?x=1", url)
    assert(UrlKey.of("https://example.com/") == "example.com")
  }

  test("URLs of other pages have other keys, what is no URL is its own") {
    val keys = Seq(
      "http://a.com/B",
      "http://a.com/b",
      "http://a.com:8080/b",
      "http://a.com/b?y=1&x=2",
      "http://a.com/b?x=2&y=1",
      "http://b.a.com/b",
      "doc-17"
    ).map(UrlKey.of)
    assert(keys.distinct.size == keys.size)
    assert(UrlKey.of(" doc-17 ") == "doc-17" && UrlKey.of("http:///x") == "http:///x")
  }
}

package io.moraine.pipeline.document;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.IllegalCharsetNameException;
import java.util.Optional;
import java.util.Set;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.jsoup.nodes.Node;
import org.jsoup.nodes.TextNode;
import org.jsoup.select.NodeVisitor;

/**
 * The text of an HTML page: its title, then its body without navigation, forms and scripts. A block
 * is a line of its own, white space within it is one space; preformatted text stays as it is.
 */
final class HtmlText implements NodeVisitor {

  private static final String DROPPED =
      "script, style, noscript, template, nav, header, footer, aside, form";
  private static final Set<String> CELLS = Set.of("td", "th");
  private static final Set<String> INLINE = Set.of("ins", "del");

  private final StringBuilder text = new StringBuilder();
  private int preformatted;

  private HtmlText() {}

  /**
   * The text of a page.
   *
   * @param charset from the HTTP header; unless it is known, the page's own, else UTF-8
   */
  static String of(byte[] html, Optional<String> charset) throws IOException {
    String known = charset.filter(HtmlText::isSupported).orElse(null);
    Document page = Jsoup.parse(new ByteArrayInputStream(html), known, "");
    String title = page.title();
    page.select(DROPPED).remove();
    HtmlText body = new HtmlText();
    body.text.append(title);
    body.endLine();
    page.body().traverse(body);
    body.endLine();
    return body.text.toString().stripTrailing();
  }

  @Override
  public void head(Node node, int depth) {
    if (node instanceof TextNode words) {
      if (preformatted > 0) {
        text.append(words.getWholeText());
      } else {
        append(words.getWholeText());
      }
    } else if (node instanceof Element element) {
      preformatted += element.nameIs("pre") ? 1 : 0;
      if (element.nameIs("br") && preformatted > 0) {
        text.append('\n');
      } else if (endsLine(element)) {
        endLine();
      }
    }
  }

  @Override
  public void tail(Node node, int depth) {
    if (node instanceof Element element) {
      if (CELLS.contains(element.normalName())) {
        append(" ");
      } else if (endsLine(element)) {
        endLine();
      }
      preformatted -= element.nameIs("pre") ? 1 : 0;
    }
  }

  private static boolean endsLine(Element element) {
    String name = element.normalName();
    return name.equals("br")
        || element.isBlock() && !CELLS.contains(name) && !INLINE.contains(name);
  }

  private void append(String words) {
    for (int i = 0; i < words.length(); i++) {
      char c = words.charAt(i);
      boolean space = Character.isWhitespace(c) || c == '\u00a0';
      if (!space) {
        text.append(c);
      } else if (!endsWithSpace()) {
        text.append(' ');
      }
    }
  }

  private void endLine() {
    while (!text.isEmpty() && last() == ' ') {
      text.setLength(text.length() - 1);
    }
    if (!endsWithSpace()) {
      text.append('\n');
    }
  }

  /** Whether a space would add nothing here. */
  private boolean endsWithSpace() {
    return text.isEmpty() || last() == ' ' || last() == '\n';
  }

  private char last() {
    return text.charAt(text.length() - 1);
  }

  private static boolean isSupported(String charset) {
    try {
      return Charset.isSupported(charset);
    } catch (IllegalCharsetNameException e) {
      return false;
    }
  }
}

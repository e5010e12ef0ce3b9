package io.moraine.jobs.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.moraine.jobs.figures.VisibleText;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/**
 * One HTML file with charts and tables that needs nothing beside it. Its own policy forbids it to
 * load anything and to run any script but the two that it has; all texts are escaped.
 */
final class ReportPage {

  /** Rows of a table beneath a chart. */
  private static final int ROWS = 40;

  private final String title;
  private final String about;
  private final StringBuilder body = new StringBuilder();
  private final List<String> contents = new ArrayList<>();
  private final ArrayNode charts = JsonNodeFactory.instance.arrayNode();
  private boolean isSectionOpen;
  private int ids;

  ReportPage(String title, String about) {
    this.title = title;
    this.about = about;
  }

  /** A part of the page, with what it is about. */
  void section(String heading, String about) {
    endSection();
    String id = "section-" + ids++;
    contents.add("<a href=\"#%s\">%s</a>".formatted(id, VisibleText.html(heading)));
    body.append(
        "<section id=\"%s\" aria-labelledby=\"%s-h\">\n<h2 id=\"%s-h\">%s</h2>\n"
            .formatted(id, id, id, VisibleText.html(heading)));
    paragraph(about);
    isSectionOpen = true;
  }

  /** Numbers by name, as text. */
  void numbers(List<List<String>> numbers) {
    body.append("<dl class=\"numbers\">\n");
    for (List<String> number : numbers) {
      body.append(
          "<div><dt>%s</dt><dd>%s</dd></div>\n"
              .formatted(VisibleText.html(number.get(0)), VisibleText.html(number.get(1))));
    }
    body.append("</dl>\n");
  }

  /**
   * A chart with its numbers beneath; left out if there are none.
   *
   * @param table what stands beneath; of more rows than fit some, evenly spread
   */
  void figure(String heading, String about, Chart chart, Table table) {
    if (chart.data().isEmpty()) {
      return;
    }
    String id = "figure-" + ids++;
    charts.add(chart.json(id, heading));
    body.append("<figure id=\"%s\">\n<h3>%s</h3>\n".formatted(id, VisibleText.html(heading)));
    paragraph(about);
    body.append("<div class=\"chart\"></div>\n<details><summary>Numbers</summary>\n");
    append(heading, table.thinned(ROWS), "");
    body.append("</details>\n</figure>\n");
  }

  /** A table; left out if it has no rows. */
  void table(String heading, String about, Table table) {
    if (table.isEmpty()) {
      return;
    }
    heading(heading, about);
    append(heading, table, "");
  }

  /** A table with a field to search in it; left out if it has no rows. */
  void searched(String heading, String about, Table table) {
    if (table.isEmpty()) {
      return;
    }
    heading(heading, about);
    String id = "table-" + ids++;
    body.append(
        "<p class=\"search\"><label>Search <input type=\"search\" data-table=\"%s\"></label> <output aria-live=\"polite\"></output></p>\n"
            .formatted(id));
    append(heading, table, " id=\"%s\"".formatted(id));
  }

  /** What is HTML already; left out if it is empty. */
  void html(String heading, String about, String html) {
    if (!html.isEmpty()) {
      heading(heading, about);
      body.append(html);
    }
  }

  /** The whole file. */
  String rendered() {
    endSection();
    String library = resource("d3.min.js");
    String script = resource("charts.js");
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        + "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src %s %s\">\n"
            .formatted(digest(library), digest(script))
        + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        + "<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n"
            .formatted(VisibleText.html(title))
        + "<style>\n"
        + resource("report.css")
        + "</style>\n</head>\n<body>\n<header>\n<h1>%s</h1>\n<p>%s</p>\n<nav aria-label=\"Contents\">%s</nav>\n</header>\n<main>\n"
            .formatted(
                VisibleText.html(title), VisibleText.html(about), String.join("\n", contents))
        + body
        + "</main>\n"
        + "<noscript><p>Charts need JavaScript; their numbers stand beneath each of"
        + " them.</p></noscript>\n"
        + "<script type=\"application/json\" id=\"charts\">"
        + charts.toString().replace("<", "\\u003c").replace("\u2028", " ").replace("\u2029", " ")
        + "</script>\n<!-- D3, https://d3js.org\n"
        + resource("d3-licence.txt").replace("--", "-")
        + "-->\n<script>"
        + library
        + "</script>\n<script>"
        + script
        + "</script>\n</body>\n</html>\n";
  }

  private void endSection() {
    if (isSectionOpen) {
      body.append("</section>\n");
      isSectionOpen = false;
    }
  }

  private void heading(String heading, String about) {
    body.append("<h3>%s</h3>\n".formatted(VisibleText.html(heading)));
    paragraph(about);
  }

  private void paragraph(String text) {
    if (!text.isEmpty()) {
      body.append("<p>%s</p>\n".formatted(VisibleText.html(text)));
    }
  }

  private void append(String caption, Table table, String attributes) {
    body.append(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table%s>\n<caption>%s</caption>\n<thead><tr>"
            .formatted(VisibleText.html(caption), attributes, VisibleText.html(caption)));
    for (String column : table.columns()) {
      body.append(
          "<th scope=\"col\">%s</th>".formatted(VisibleText.html(column.replace('_', ' '))));
    }
    body.append("</tr></thead>\n<tbody>\n");
    for (List<Object> row : table.rows()) {
      body.append("<tr>");
      for (Object value : row) {
        body.append(value instanceof Number ? "<td class=\"number\">" : "<td>")
            .append(VisibleText.html(shown(value)))
            .append("</td>");
      }
      body.append("</tr>\n");
    }
    body.append("</tbody>\n</table></div>\n");
  }

  /** A value as a table shows it. */
  static String shown(Object value) {
    if (value == null) {
      return "\u2013";
    }
    if (value instanceof Double number) {
      return !Double.isFinite(number) || number == 0
          ? value.toString()
          : shown(number.doubleValue());
    }
    if (value instanceof Number number) {
      return String.format(Locale.ROOT, "%,d", number.longValue());
    }
    return value.toString();
  }

  private static String shown(double number) {
    double size = Math.abs(number);
    if (size >= 1e15 || size < 1e-3) {
      return String.format(Locale.ROOT, "%.3e", number);
    }
    return String.format(
        Locale.ROOT, size >= 1000 ? "%,.0f" : size >= 10 ? "%.2f" : "%.4f", number);
  }

  private static String resource(String name) {
    try (InputStream in = ReportPage.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new AssertionError("unreachable: the jar has " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** By which a browser knows a script that the page may run. */
  private static String digest(String script) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8));
      return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("unreachable: every Java has SHA-256", e);
    }
  }
}

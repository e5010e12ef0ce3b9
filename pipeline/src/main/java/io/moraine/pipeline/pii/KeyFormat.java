package io.moraine.pipeline.pii;

import static io.moraine.pipeline.pii.Chars.at;

import java.util.List;

/**
 * A format of keys that is known by its first characters.
 *
 * @param prefix how every such key begins
 * @param marks characters of the rest beside letters and digits
 * @param min fewest characters of the rest
 * @param max most characters of the rest; longer runs are something else
 * @source the issuers' documentation; the same formats as gitleaks and detect-secrets know
 */
record KeyFormat(String prefix, String marks, int min, int max) {

  private static final int LONG = 512;

  static final List<KeyFormat> ALL =
      List.of(
          new KeyFormat("AKIA", "", 16, 16),
          new KeyFormat("ASIA", "", 16, 16),
          new KeyFormat("ABIA", "", 16, 16),
          new KeyFormat("ACCA", "", 16, 16),
          new KeyFormat("ghp_", "", 36, 255),
          new KeyFormat("gho_", "", 36, 255),
          new KeyFormat("ghu_", "", 36, 255),
          new KeyFormat("ghs_", "", 36, 255),
          new KeyFormat("ghr_", "", 36, 255),
          new KeyFormat("github_pat_", "_", 36, 255),
          new KeyFormat("glpat-", "_-", 20, LONG),
          new KeyFormat("gldt-", "_-", 20, LONG),
          new KeyFormat("glrt-", "_-", 20, LONG),
          new KeyFormat("glptt-", "_-", 20, LONG),
          new KeyFormat("xoxa-", "-", 20, LONG),
          new KeyFormat("xoxb-", "-", 20, LONG),
          new KeyFormat("xoxe-", "-", 20, LONG),
          new KeyFormat("xoxo-", "-", 20, LONG),
          new KeyFormat("xoxp-", "-", 20, LONG),
          new KeyFormat("xoxr-", "-", 20, LONG),
          new KeyFormat("xoxs-", "-", 20, LONG),
          new KeyFormat("xapp-", "-", 20, LONG),
          new KeyFormat("https://hooks.slack.com/services/", "/", 40, 60),
          new KeyFormat("AIza", "_-", 35, 35),
          new KeyFormat("GOCSPX-", "_-", 28, 28),
          new KeyFormat("ya29.", "_-", 30, LONG),
          new KeyFormat("sk_live_", "", 16, LONG),
          new KeyFormat("sk_test_", "", 16, LONG),
          new KeyFormat("rk_live_", "", 16, LONG),
          new KeyFormat("rk_test_", "", 16, LONG),
          new KeyFormat("whsec_", "", 24, LONG),
          new KeyFormat("npm_", "", 36, 36),
          new KeyFormat("pypi-AgE", "_-", 50, LONG),
          new KeyFormat("SG.", "._-", 66, 66),
          new KeyFormat("hf_", "", 34, 40),
          new KeyFormat("sk-ant-", "_-", 40, LONG),
          new KeyFormat("sk-proj-", "_-", 40, LONG),
          new KeyFormat("sk-", "", 40, LONG),
          new KeyFormat("dop_v1_", "", 64, 64));

  /** Where the key that begins here ends; -1 if none of this format does. */
  int end(String text, int start) {
    char before = at(text, start - 1);
    if (!text.startsWith(prefix, start) || isPart(before)) {
      return -1;
    }
    int from = start + prefix.length();
    int end = from;
    while (end - from <= max && isPart(at(text, end))) {
      end++;
    }
    return end - from >= min && end - from <= max && hasDigit(text, from, end) ? end : -1;
  }

  private boolean isPart(char c) {
    return Chars.isAsciiAlphanumeric(c) || c != 0 && marks.indexOf(c) >= 0;
  }

  /** Placeholders and words have none. */
  private static boolean hasDigit(String text, int from, int to) {
    for (int i = from; i < to; i++) {
      if (Chars.isDigit(text.charAt(i))) {
        return true;
      }
    }
    return false;
  }
}

package io.moraine.pipeline.url;

import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What URLs of the same page have in common: without scheme, user, {@code www.}, default port,
 * fragment, tracking parameters and final slashes; the host in lower case.
 */
public final class UrlKey {

  private static final Pattern URL =
      Pattern.compile(
          "(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#]*)([^?#]*)(?:\\?([^#]*))?.*");
  private static final Pattern TRACKING =
      Pattern.compile("(utm_[a-z]+|gclid|fbclid|msclkid|mc_cid|mc_eid)(=.*)?");

  private UrlKey() {}

  /** The key; the text itself, stripped, if it is no URL with a host. */
  public static String of(String url) {
    Matcher parts = URL.matcher(url.strip());
    if (!parts.matches() || parts.group(1).isEmpty()) {
      return url.strip();
    }
    String host = parts.group(1).toLowerCase(Locale.ROOT).replaceFirst(":(80|443)$", "");
    host = host.startsWith("www.") ? host.substring(4) : host;
    String query =
        parts.group(3) == null
            ? ""
            : Arrays.stream(parts.group(3).split("&"))
                .filter(parameter -> !parameter.isEmpty() && !TRACKING.matcher(parameter).matches())
                .collect(Collectors.joining("&"));
    String path = parts.group(2).replaceFirst("/+$", "");
    return host + path + (query.isEmpty() ? "" : "?" + query);
  }
}

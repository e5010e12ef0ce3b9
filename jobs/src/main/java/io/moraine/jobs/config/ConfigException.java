package io.moraine.jobs.config;

/** A setting or option that cannot be used; the message says which, the rule, and what to do. */
public final class ConfigException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  public ConfigException(String message) {
    super(message);
  }

  public ConfigException(String message, Throwable cause) {
    super(message, cause);
  }
}

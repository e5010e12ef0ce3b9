package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.model.collective.transport.Tls;
import io.moraine.model.collective.transport.TransportException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import scala.Option;

/**
 * Keystore and truststore as the cluster has them for Spark: {@code spark.ssl.moraine.*}, and what
 * is not there from {@code spark.ssl.*}, as Spark itself reads its namespaces; passwords also from
 * Hadoop's credential providers. Read where a rank runs: a node may have its own.
 *
 * <p>Not read: {@code enabled}, {@code protocol} and {@code enabledAlgorithms}; {@code
 * train.wire.tls} says whether, and TLS 1.3 how.
 *
 * @source spark.apache.org/docs/3.5.6/security.html, "SSL Configuration"
 */
final class ClusterStores {

  private static final String OWN = "spark.ssl.moraine.";
  private static final String ALL = "spark.ssl.";

  /** What Spark takes where no type is given. */
  private static final String USUAL_TYPE = "JKS";

  private final SparkConf spark;
  private final Configuration hadoop;

  ClusterStores(SparkConf spark, Configuration hadoop) {
    this.spark = spark;
    this.hadoop = hadoop;
  }

  /**
   * Opens both.
   *
   * @throws ConfigException if one is not named or cannot be used
   */
  Tls open() {
    Tls.Store keys = store("keyStore");
    Tls.Store trusted = store("trustStore");
    try {
      return Tls.of(keys, password("keyPassword").orElse(keys.password()), trusted);
    } catch (TransportException e) {
      throw new ConfigException(
          "train.wire.tls needs the cluster's certificates: %s. See spark.ssl.keyStore and spark.ssl.trustStore."
              .formatted(e.getMessage()),
          e);
    }
  }

  private Tls.Store store(String name) {
    String file =
        value(name)
            .orElseThrow(
                () ->
                    new ConfigException(
                        "train.wire.tls needs the cluster's certificates: neither %s nor %s is set. Set one to a file that every executor has."
                            .formatted(ALL + name, OWN + name)));
    return new Tls.Store(
        Path.of(file),
        value(name + "Type").orElse(USUAL_TYPE),
        password(name + "Password").orElse(new char[0]));
  }

  private Optional<String> value(String name) {
    return first(spark.getWithSubstitution(OWN + name), spark.getWithSubstitution(ALL + name));
  }

  private Optional<char[]> password(String name) {
    Optional<char[]> own = password(OWN, name);
    return own.isPresent() ? own : password(ALL, name);
  }

  private Optional<char[]> password(String namespace, String name) {
    Option<String> given = spark.getWithSubstitution(namespace + name);
    if (given.isDefined()) {
      return Optional.of(given.get().toCharArray());
    }
    try {
      return Optional.ofNullable(hadoop.getPassword(namespace + name));
    } catch (IOException e) {
      throw new ConfigException(
          "%s cannot be read from Hadoop's credential providers: %s. See hadoop.security.credential.provider.path."
              .formatted(namespace + name, e.getMessage()),
          e);
    }
  }

  private static Optional<String> first(Option<String> own, Option<String> all) {
    Option<String> found = own.isDefined() ? own : all;
    return found.isDefined() ? Optional.of(found.get()) : Optional.empty();
  }
}

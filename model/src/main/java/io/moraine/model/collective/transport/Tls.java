package io.moraine.model.collective.transport;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * What a rank shows others, and whom it trusts, when connections are encrypted: TLS 1.3, a
 * certificate on both sides. Host names are not compared with certificates: a rank has to prove
 * besides that it knows the run's secret ({@link Handshake}).
 */
public final class Tls {

  /** Beside it and in its compatible mode there is nothing that a rank needs. */
  private static final String[] PROTOCOLS = {"TLSv1.3"};

  private final SSLContext context;

  private Tls(SSLContext context) {
    this.context = context;
  }

  /**
   * A file with keys or certificates.
   *
   * @param type as the JDK names it: {@code JKS}, {@code PKCS12}; it reads the one as the other
   * @param password of the file; empty if it has none
   */
  public record Store(Path file, String type, char[] password) {

    /** Without the password. */
    @Override
    public String toString() {
      return file.toString();
    }
  }

  /**
   * Reads both stores.
   *
   * @param keys holds this rank's private key and certificate, which has to be good for both ends
   *     of a connection
   * @param keyPassword of the private key
   * @param trusted holds the certificates that others' are, or are signed by
   * @throws TransportException if a store cannot be read or holds nothing of use
   */
  public static Tls of(Store keys, char[] keyPassword, Store trusted) {
    KeyStore own = load("keystore", keys);
    KeyStore others = load("truststore", trusted);
    requireEntry("keystore", keys, own, "private key", KeyStore::isKeyEntry);
    requireEntry("truststore", trusted, others, "certificate", KeyStore::containsAlias);
    try {
      KeyManagerFactory shown =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      shown.init(own, keyPassword);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(shown.getKeyManagers(), new TrustManager[] {new Trust(trust(others))}, null);
      return new Tls(context);
    } catch (GeneralSecurityException e) {
      throw unreadable("keystore", keys, e);
    }
  }

  /** The end that calls. */
  TlsStream caller() {
    SSLEngine engine = engine();
    engine.setUseClientMode(true);
    return new TlsStream(engine);
  }

  /** The end that is called. */
  TlsStream called() {
    SSLEngine engine = engine();
    engine.setUseClientMode(false);
    engine.setNeedClientAuth(true);
    return new TlsStream(engine);
  }

  private SSLEngine engine() {
    SSLEngine engine = context.createSSLEngine();
    engine.setEnabledProtocols(PROTOCOLS);
    return engine;
  }

  private static X509ExtendedTrustManager trust(KeyStore trusted) throws GeneralSecurityException {
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(trusted);
    return (X509ExtendedTrustManager) factory.getTrustManagers()[0];
  }

  private static KeyStore load(String what, Store store) {
    if (!Files.isRegularFile(store.file())) {
      throw new TransportException("the %s %s is not there".formatted(what, store.file()));
    }
    try (InputStream file = Files.newInputStream(store.file())) {
      KeyStore loaded = KeyStore.getInstance(store.type());
      loaded.load(file, store.password().length == 0 ? null : store.password());
      return loaded;
    } catch (IOException | GeneralSecurityException e) {
      throw unreadable(what, store, e);
    }
  }

  private interface Kind {
    boolean is(KeyStore store, String alias) throws GeneralSecurityException;
  }

  private static void requireEntry(
      String what, Store store, KeyStore loaded, String wanted, Kind kind) {
    try {
      List<String> found = new ArrayList<>();
      for (String alias : Collections.list(loaded.aliases())) {
        if (kind.is(loaded, alias)) {
          found.add(alias);
        }
      }
      if (found.isEmpty()) {
        throw new TransportException("the %s %s holds no %s".formatted(what, store.file(), wanted));
      }
    } catch (GeneralSecurityException e) {
      throw unreadable(what, store, e);
    }
  }

  private static TransportException unreadable(String what, Store store, Exception e) {
    return new TransportException(
        "the %s %s cannot be read: %s".formatted(what, store.file(), e.getMessage()), e);
  }
}

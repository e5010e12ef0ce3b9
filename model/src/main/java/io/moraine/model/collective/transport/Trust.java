package io.moraine.model.collective.transport;

import java.net.Socket;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * The JDK's judgement of certificates, in words that name the certificate; and besides, one that
 * stands in the truststore itself is refused too when its time is over, which the JDK does not look
 * at.
 */
final class Trust extends X509ExtendedTrustManager {

  private static final int NAME_LENGTH = 200;

  private final X509ExtendedTrustManager judge;

  Trust(X509ExtendedTrustManager judge) {
    this.judge = judge;
  }

  private interface Judgement {
    void pass() throws CertificateException;
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    require(chain, () -> judge.checkClientTrusted(chain, authType, engine));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    require(chain, () -> judge.checkServerTrusted(chain, authType, engine));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    require(chain, () -> judge.checkClientTrusted(chain, authType, socket));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    require(chain, () -> judge.checkServerTrusted(chain, authType, socket));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    require(chain, () -> judge.checkClientTrusted(chain, authType));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    require(chain, () -> judge.checkServerTrusted(chain, authType));
  }

  /** Asks for what the other end has, whoever signed it: then it can be named. */
  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0];
  }

  private static void require(X509Certificate[] chain, Judgement judgement)
      throws CertificateException {
    String whose = "the certificate of " + name(chain[0]);
    requireInTime(chain[0], whose);
    try {
      judgement.pass();
    } catch (CertificateException e) {
      String why =
          e.getCause() instanceof CertPathBuilderException
              ? "the truststore holds neither it nor who signed it"
              : e.getMessage();
      throw new CertificateException(whose + " is not trusted: " + why, e);
    }
  }

  /**
   * Whom a certificate names. A stranger may have chosen it: at most {@link #NAME_LENGTH}
   * characters, and none by which messages are told apart.
   */
  static String name(X509Certificate certificate) {
    String name = certificate.getSubjectX500Principal().getName().replaceAll("[\\p{Cntrl}:]", "?");
    return name.substring(0, Math.min(name.length(), NAME_LENGTH));
  }

  private static void requireInTime(X509Certificate certificate, String whose)
      throws CertificateException {
    try {
      certificate.checkValidity();
    } catch (CertificateExpiredException e) {
      throw new CertificateException(
          "%s expired on %s".formatted(whose, certificate.getNotAfter().toInstant()), e);
    } catch (CertificateNotYetValidException e) {
      throw new CertificateException(
          "%s is not valid before %s".formatted(whose, certificate.getNotBefore().toInstant()), e);
    }
  }
}

package io.moraine.model.collective.transport;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** What only who knows the run's secret can say. */
final class Proof {

  static final int BYTES = 32;

  private static final String ALGORITHM = "HmacSHA256";

  private Proof() {}

  /**
   * HMAC-SHA256 of run id, number of ranks, a rank and what it says.
   *
   * @param to whom it is said, which tells apart what proofs are for
   */
  static byte[] of(MeshConfig config, int rank, String to, byte[] said) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(new SecretKeySpec(config.secret(), ALGORITHM));
      String what = "%s\n%d\n%d\n%s\n".formatted(config.runId(), config.worldSize(), rank, to);
      mac.update(what.getBytes(StandardCharsets.UTF_8));
      return mac.doFinal(said);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("unreachable: every JDK has " + ALGORITHM, e);
    }
  }
}

package io.moraine.pipeline.language;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** From the model's ISO 639-3 codes to those that documents carry. */
final class LanguageCodes {

  /**
   * Pairs of the model's code and ISO 639-1. Individual languages carry the code of their
   * macrolanguage where that is the one in use (Mandarin, Persian, Standard Estonian, Standard
   * Latvian, Plateau Malagasy).
   */
  private static final String TWO_LETTERS =
      "afr af ara ar aze az bak ba bel be ben bn bos bs bre br bul bg cat ca ces cs che ce cmn zh"
          + " cym cy dan da deu de ekk et ell el eng en epo eo est et eus eu fao fo fas fa fin fi"
          + " fra fr fry fy gle ga glg gl guj gu heb he hin hi hrv hr hun hu hye hy ind id isl is"
          + " ita it jav jv jpn ja kan kn kat ka kaz kk kir ky kor ko lat la lav lv lim li lit lt"
          + " ltz lb lvs lv mal ml mar mr mkd mk mlt mt mon mn mri mi msa ms nep ne nld nl nno nn"
          + " nob nb oci oc pan pa pes fa plt mg pol pl por pt pus ps ron ro rus ru san sa sin si"
          + " slk sk slv sl som so spa es sqi sq srp sr sun su swa sw swe sv tam ta tat tt tel te"
          + " tgk tg tgl tl tha th tur tr ukr uk urd ur uzb uz vie vi vol vo zul zu";

  private static final Map<String, String> BY_MODEL_CODE = byModelCode();

  /** Every code that a document can carry. */
  static final Set<String> ALL = all();

  private LanguageCodes() {}

  /** The code of a language that the model names. */
  static String of(String modelCode) {
    return BY_MODEL_CODE.getOrDefault(modelCode, modelCode);
  }

  private static Map<String, String> byModelCode() {
    String[] codes = TWO_LETTERS.split(" ", -1);
    Map<String, String> map = new TreeMap<>();
    for (int i = 0; i < codes.length; i += 2) {
      map.put(codes[i], codes[i + 1]);
    }
    return map;
  }

  private static Set<String> all() {
    Set<String> all = new TreeSet<>(BY_MODEL_CODE.values());
    all.addAll(
        Arrays.asList(
            "ast",
            "ceb",
            "gsw",
            "min",
            "nan",
            "nds",
            "pnb",
            "war",
            DetectedLanguage.UNDETERMINED.code()));
    return Collections.unmodifiableSet(all);
  }
}

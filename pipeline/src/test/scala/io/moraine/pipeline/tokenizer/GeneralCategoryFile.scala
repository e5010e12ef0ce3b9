package io.moraine.pipeline.tokenizer

import java.nio.file.{Files, Path}

/** Writes the table of general categories that the JDK it runs on has: Unicode 16.0 on JDK 24 and
  * 25. `GeneralCategorySuite` holds the file against Hugging Face's, so that another version cannot
  * slip in.
  */
object GeneralCategoryFile {

  private val names: Map[Int, String] = Map(
    Character.UPPERCASE_LETTER -> "Lu",
    Character.LOWERCASE_LETTER -> "Ll",
    Character.TITLECASE_LETTER -> "Lt",
    Character.MODIFIER_LETTER -> "Lm",
    Character.OTHER_LETTER -> "Lo",
    Character.NON_SPACING_MARK -> "Mn",
    Character.COMBINING_SPACING_MARK -> "Mc",
    Character.ENCLOSING_MARK -> "Me",
    Character.DECIMAL_DIGIT_NUMBER -> "Nd",
    Character.LETTER_NUMBER -> "Nl",
    Character.OTHER_NUMBER -> "No",
    Character.CONNECTOR_PUNCTUATION -> "Pc",
    Character.DASH_PUNCTUATION -> "Pd",
    Character.START_PUNCTUATION -> "Ps",
    Character.END_PUNCTUATION -> "Pe",
    Character.INITIAL_QUOTE_PUNCTUATION -> "Pi",
    Character.FINAL_QUOTE_PUNCTUATION -> "Pf",
    Character.OTHER_PUNCTUATION -> "Po",
    Character.MATH_SYMBOL -> "Sm",
    Character.CURRENCY_SYMBOL -> "Sc",
    Character.MODIFIER_SYMBOL -> "Sk",
    Character.OTHER_SYMBOL -> "So",
    Character.SPACE_SEPARATOR -> "Zs",
    Character.LINE_SEPARATOR -> "Zl",
    Character.PARAGRAPH_SEPARATOR -> "Zp",
    Character.CONTROL -> "Cc",
    Character.FORMAT -> "Cf",
    Character.SURROGATE -> "Cs",
    Character.PRIVATE_USE -> "Co",
    Character.UNASSIGNED -> "Cn"
  ).map { case (javaType, name) => javaType.toInt -> name }

  /** Ranges of code points of one category, unassigned ones left out. */
  def lines: Seq[String] = {
    val starts = (0 to 0x10ffff).filter(c => c == 0 || category(c) != category(c - 1))
    starts
      .zip(starts.drop(1).map(_ - 1) :+ 0x10ffff)
      .filter { case (from, _) => category(from) != "Cn" }
      .map { case (from, to) => f"$from%04X..$to%04X;${category(from)}" }
  }

  private def category(codePoint: Int): String = names(Character.getType(codePoint))

  def main(arguments: Array[String]): Unit = {
    val text = lines.mkString(
      "# Unicode 16.0 general categories; code points in no range are Cn. Made by GeneralCategoryFile.\n",
      "\n",
      "\n"
    )
    Files.writeString(Path.of(arguments(0)), text): Unit
  }
}

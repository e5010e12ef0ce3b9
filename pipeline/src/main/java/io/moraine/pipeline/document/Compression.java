package io.moraine.pipeline.document;

import com.github.luben.zstd.ZstdIOException;
import com.github.luben.zstd.ZstdInputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.zip.ZipException;

/** How a file is compressed, by its name. */
enum Compression {
  NONE(""),
  GZIP(".gz"),
  ZSTD(".zst");

  private final String suffix;

  Compression(String suffix) {
    this.suffix = suffix;
  }

  static Compression of(String file) {
    String name = file.toLowerCase(Locale.ROOT);
    return name.endsWith(GZIP.suffix) ? GZIP : name.endsWith(ZSTD.suffix) ? ZSTD : NONE;
  }

  /** A file's name in lower case without the suffix of its compression: names the format. */
  static String plainName(String file) {
    String name = file.toLowerCase(Locale.ROOT);
    return name.substring(0, name.length() - of(file).suffix.length());
  }

  /** The bytes behind the compression. */
  InputStream plain(InputStream in) throws IOException {
    return switch (this) {
      case NONE -> in;
      case GZIP -> new GzipMembers(in);
      case ZSTD -> new ClosedAtEnd(new ZstdInputStream(in));
    };
  }

  /** What is wrong with a file whose bytes cannot be read, for quarantine. */
  static String reason(IOException e) {
    if (e instanceof ZstdIOException) {
      return "zstd stream is damaged or cut off: " + e.getMessage();
    }
    return e instanceof EOFException || e instanceof ZipException
        ? "gzip stream is damaged or cut off: " + e.getMessage()
        : "cannot be read: " + e.getMessage();
  }

  /** Frees the decoder's native window, some MiB, with the last byte and not with its object. */
  private static final class ClosedAtEnd extends FilterInputStream {

    private boolean ended;

    ClosedAtEnd(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      if (ended) {
        return -1;
      }
      int count = -1;
      try {
        count = super.read(bytes, offset, length);
      } finally {
        ended = count < 0;
        if (ended) {
          close();
        }
      }
      return count;
    }
  }
}

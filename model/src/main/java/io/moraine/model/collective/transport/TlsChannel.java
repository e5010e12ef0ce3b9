package io.moraine.model.collective.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ScatteringByteChannel;
import java.util.Arrays;

/** What TLS makes of a channel's bytes. */
final class TlsChannel implements ScatteringByteChannel, GatheringByteChannel, ByteChannel {

  private final TlsStream tls;
  private final ByteChannel raw;

  /** Over a channel that blocks. */
  TlsChannel(TlsStream tls, ByteChannel raw) {
    this.tls = tls;
    this.raw = raw;
  }

  @Override
  public int read(ByteBuffer dst) throws IOException {
    return (int) tls.read(raw, dst);
  }

  @Override
  public long read(ByteBuffer[] dsts) throws IOException {
    return tls.read(raw, dsts);
  }

  @Override
  public long read(ByteBuffer[] dsts, int offset, int length) throws IOException {
    return tls.read(raw, Arrays.copyOfRange(dsts, offset, offset + length));
  }

  @Override
  public int write(ByteBuffer src) throws IOException {
    return (int) tls.write(raw, src);
  }

  @Override
  public long write(ByteBuffer[] srcs) throws IOException {
    return tls.write(raw, srcs);
  }

  @Override
  public long write(ByteBuffer[] srcs, int offset, int length) throws IOException {
    return tls.write(raw, Arrays.copyOfRange(srcs, offset, offset + length));
  }

  @Override
  public boolean isOpen() {
    return raw.isOpen();
  }

  @Override
  public void close() throws IOException {
    raw.close();
  }
}

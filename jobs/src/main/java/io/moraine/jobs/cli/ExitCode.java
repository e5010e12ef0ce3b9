package io.moraine.jobs.cli;

/** What the process's exit code says; schedulers act on it. */
enum ExitCode {
  DONE(0),
  /** Something failed; the log says why. */
  FAILED(1),
  /** A bad option or setting: starting again without changing it is useless. */
  BAD_SETTING(2),
  /** Input or stored data that cannot be used. */
  BAD_DATA(3),
  /** A rank was lost, slow or wrong during training: starting again resumes. */
  COLLECTIVE_FAILED(4),
  /** Stopped because another process may write there: starting again is safe. */
  LEASE_LOST(5),
  /** Another process holds the lease: try later. */
  TRY_LATER(75);

  private final int code;

  ExitCode(int code) {
    this.code = code;
  }

  int code() {
    return code;
  }
}

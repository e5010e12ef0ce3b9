package io.moraine.jobs.explain;

/** Where an operator or an expression would run. */
public enum Place {
  /** On the GPU. */
  GPU("GPU", "operators on the GPU"),
  /** An expression computed on the CPU for an operator on the GPU: values go there and back. */
  BRIDGE("bridge", "expressions through the CPU bridge"),
  /** On the CPU, as without RAPIDS. */
  CPU("CPU", "operators on the CPU");

  private final String label;
  private final String words;

  Place(String label, String words) {
    this.label = label;
    this.words = words;
  }

  /** One word for it. */
  String label() {
    return label;
  }

  /** What is counted there. */
  String words() {
    return words;
  }
}

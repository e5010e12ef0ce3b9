package io.moraine.pipeline.tokenizer;

import io.moraine.pipeline.tokenizer.RegexNode.Anchor;
import io.moraine.pipeline.tokenizer.RegexNode.Atomic;
import io.moraine.pipeline.tokenizer.RegexNode.Choice;
import io.moraine.pipeline.tokenizer.RegexNode.Look;
import io.moraine.pipeline.tokenizer.RegexNode.Mode;
import io.moraine.pipeline.tokenizer.RegexNode.OneOf;
import io.moraine.pipeline.tokenizer.RegexNode.Place;
import io.moraine.pipeline.tokenizer.RegexNode.Repeat;
import io.moraine.pipeline.tokenizer.RegexNode.Sequence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * Any pattern: a backtracking matcher over UTF-8 with its own stack, so that no run of text
 * overflows the thread's.
 *
 * <p>The program is a list of instructions of three numbers. A repetition of one set of code points
 * is one instruction, and one entry on the stack however long it is.
 */
final class RegexScanner implements PieceScanner {

  /** Steps back at one place of a text beyond those that its length explains. */
  private static final long STEPS = 10_000_000;

  private static final int NO_MATCH = -1;
  private static final int NONE = -1;

  private static final int ONE_OF = 0; // set
  private static final int RUN = 1; // set, least, most
  private static final int SPLIT = 2; // first, second
  private static final int JUMP = 3; // to
  private static final int ATOMIC = 4; // next
  private static final int LOOK = 5; // next, length behind or NONE
  private static final int LOOK_NOT = 6; // next, length behind or NONE
  private static final int ANCHOR = 7; // place
  private static final int MATCH = 8;

  private final String pattern;
  private final List<int[]> instructions = new ArrayList<>();
  private final List<BitSet> sets = new ArrayList<>();
  private final List<Place> places = new ArrayList<>();
  private final int[][] program;

  /**
   * Compiles a pattern.
   *
   * @throws TokenizerException if it is not well formed or not supported
   */
  RegexScanner(String pattern) {
    this.pattern = pattern;
    compile(RegexParser.parse(pattern));
    add(MATCH);
    this.program = instructions.toArray(new int[0][]);
  }

  @Override
  public int end(byte[] text, int begin, int from, int to) {
    int end = new Search(text, begin, to).match(0, from);
    if (end > from) {
      return end;
    }
    // Nothing is matched here: a gap up to the next match, be it empty.
    int next = Utf8Text.next(text, from);
    while (next < to && new Search(text, begin, to).match(0, next) == NO_MATCH) {
      next = Utf8Text.next(text, next);
    }
    return next;
  }

  private int add(int... instruction) {
    if (instructions.size() > 100_000) {
      throw new TokenizerException("pre_tokenizer pattern is too large: " + pattern);
    }
    instructions.add(instruction);
    return instructions.size() - 1;
  }

  private void compile(RegexNode node) {
    if (node instanceof OneOf one) {
      add(ONE_OF, set(one.codePoints()));
    } else if (node instanceof Sequence sequence) {
      sequence.parts().forEach(this::compile);
    } else if (node instanceof Choice choice) {
      compile(choice);
    } else if (node instanceof Repeat repeat) {
      compile(repeat);
    } else if (node instanceof Atomic atomic) {
      inner(atomic.body(), ATOMIC, NONE);
    } else if (node instanceof Look look) {
      inner(
          look.body(),
          look.negative() ? LOOK_NOT : LOOK,
          look.behind() ? look.body().least() : NONE);
    } else if (node instanceof Anchor anchor) {
      places.add(anchor.place());
      add(ANCHOR, places.size() - 1);
    }
  }

  private void inner(RegexNode body, int kind, int behind) {
    int at = add(kind, NONE, behind);
    compile(body);
    add(MATCH);
    instructions.get(at)[1] = instructions.size();
  }

  private void compile(Choice choice) {
    List<Integer> jumps = new ArrayList<>();
    for (int i = 0; i < choice.options().size(); i++) {
      boolean last = i == choice.options().size() - 1;
      int split = last ? NONE : add(SPLIT, instructions.size() + 1, NONE);
      compile(choice.options().get(i));
      if (!last) {
        jumps.add(add(JUMP, NONE));
        instructions.get(split)[2] = instructions.size();
      }
    }
    jumps.forEach(jump -> instructions.get(jump)[1] = instructions.size());
  }

  private void compile(Repeat repeat) {
    if (repeat.body() instanceof OneOf one && repeat.mode() == Mode.GREEDY) {
      add(RUN, set(one.codePoints()), repeat.least(), repeat.most());
      return;
    }
    for (int i = 0; i < repeat.least(); i++) {
      compile(repeat.body());
    }
    if (repeat.most() == RegexNode.UNBOUNDED) {
      int loop = optional(repeat);
      add(JUMP, loop);
      skipTo(loop, repeat);
      return;
    }
    List<Integer> splits = new ArrayList<>();
    for (int i = repeat.least(); i < repeat.most(); i++) {
      splits.add(optional(repeat));
    }
    splits.forEach(split -> skipTo(split, repeat));
  }

  private int optional(Repeat repeat) {
    int split = add(SPLIT, NONE, NONE);
    instructions.get(split)[repeat.mode() == Mode.GREEDY ? 1 : 2] = split + 1;
    compile(repeat.body());
    return split;
  }

  private void skipTo(int split, Repeat repeat) {
    instructions.get(split)[repeat.mode() == Mode.GREEDY ? 2 : 1] = instructions.size();
  }

  private int set(BitSet codePoints) {
    int known = sets.indexOf(codePoints);
    if (known < 0) {
      sets.add(codePoints);
      known = sets.size() - 1;
    }
    return known;
  }

  /** One attempt at one place. */
  private final class Search {
    private final byte[] text;
    private final int begin;
    private final int to;
    private final long mostSteps;

    /** Where to go on if nothing else matches: instruction, place, and how far a run may shrink. */
    private int[] stack = new int[48];

    private int top;
    private long steps;

    Search(byte[] text, int begin, int to) {
      this.text = text;
      this.begin = begin;
      this.to = to;
      this.mostSteps = STEPS + 100L * (to - begin);
    }

    /**
     * End of the match of the program from {@code start} on; {@link #NO_MATCH} if there is none.
     */
    private int match(int start, int from) {
      int bottom = top;
      push(NONE, NO_MATCH, NONE);
      int instruction = start;
      int at = from;
      while (instruction != NONE) {
        int[] code = program[instruction];
        instruction++;
        switch (code[0]) {
          case ONE_OF -> at = takeOne(code, at);
          case RUN -> at = takeRun(code, instruction, at);
          case SPLIT -> {
            push(code[2], at, NONE);
            instruction = code[1];
          }
          case JUMP -> instruction = code[1];
          case ATOMIC -> {
            at = match(instruction, at);
            instruction = code[1];
          }
          case LOOK, LOOK_NOT -> {
            boolean matches = look(instruction, at, code[2]);
            at = matches == (code[0] == LOOK) ? at : NO_MATCH;
            instruction = code[1];
          }
          case ANCHOR -> at = stands(places.get(code[1]), at) ? at : NO_MATCH;
          default -> {
            top = bottom;
            return at;
          }
        }
        if (at == NO_MATCH) {
          instruction = backtrack();
          at = place;
        }
      }
      return NO_MATCH;
    }

    private int place;

    private int backtrack() {
      if (++steps > mostSteps) {
        throw new TokenizerException(
            "pre_tokenizer pattern takes more than %,d steps at one place of a text: %s"
                .formatted(mostSteps, pattern));
      }
      top -= 3;
      int instruction = stack[top];
      place = stack[top + 1];
      int least = stack[top + 2];
      if (least != NONE) {
        place = Utf8Text.previous(text, place);
        if (place > least) {
          push(instruction, place, least);
        }
      }
      return instruction;
    }

    private void push(int instruction, int at, int least) {
      if (top + 3 > stack.length) {
        stack = Arrays.copyOf(stack, 2 * stack.length);
      }
      stack[top] = instruction;
      stack[top + 1] = at;
      stack[top + 2] = least;
      top += 3;
    }

    private int takeOne(int[] code, int at) {
      boolean in = at < to && sets.get(code[1]).get(Utf8Text.codePointAt(text, at));
      return in ? Utf8Text.next(text, at) : NO_MATCH;
    }

    private int takeRun(int[] code, int next, int at) {
      BitSet set = sets.get(code[1]);
      int end = at;
      int least = code[2] == 0 ? at : NO_MATCH;
      for (int i = 0; i < code[3] && end < to && set.get(Utf8Text.codePointAt(text, end)); ) {
        end = Utf8Text.next(text, end);
        i++;
        if (i == code[2]) {
          least = end;
        }
      }
      if (least != NO_MATCH && end > least) {
        push(next, end, least);
      }
      return least == NO_MATCH ? NO_MATCH : end;
    }

    private boolean look(int instruction, int at, int behind) {
      int from = at;
      for (int i = 0; i < behind; i++) {
        if (from == begin) {
          return false;
        }
        from = Utf8Text.previous(text, from);
      }
      return match(instruction, from) != NO_MATCH;
    }

    private boolean stands(Place place, int at) {
      return switch (place) {
        case TEXT_START -> at == begin;
        case TEXT_END -> at == to;
        case LINE_START -> at == begin || at < to && text[at - 1] == '\n';
        case LINE_END -> at == to || text[at] == '\n';
      };
    }
  }
}

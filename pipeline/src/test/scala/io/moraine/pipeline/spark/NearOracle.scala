package io.moraine.pipeline.spark

import io.moraine.pipeline.lsh.NearConfig
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy
import io.moraine.pipeline.minhash.MinHasher
import io.moraine.pipeline.text.Shingles

/** What near-duplicate search must find, by comparing all pairs one after another. */
object NearOracle {

  case class Doc(id: String, text: String, increment: Int = 0) {
    val length: Int = text.codePointCount(0, text.length)
  }
  case class Removal(id: String, kept: String, similarity: Option[Double])

  private case class Seen(doc: Doc, set: Array[Long], signature: Array[Long])

  def removed(docs: Seq[Doc], config: NearConfig, firstNew: Int = 0): Set[Removal] = {
    val seen = inOrder(docs, config)
    val duplicates = pairs(seen, config, firstNew)
    val kept = config.policy match {
      case SurvivorPolicy.VERIFIED => greedy(seen.size, duplicates)
      case SurvivorPolicy.CLOSURE  => closure(seen.size, duplicates)
    }
    kept.map { case (i, j) =>
      Removal(seen(i).doc.id, seen(j).doc.id, duplicates.get((j, i)))
    }.toSet
  }

  /** Whether the same documents are removed, each with some kept duplicate. */
  def isRemoved(found: Set[Removal], docs: Seq[Doc], config: NearConfig, firstNew: Int): Boolean = {
    val ids = removed(docs, config, firstNew).map(_.id)
    val seen = inOrder(docs, config)
    val duplicates = pairs(seen, config, firstNew).map { case ((a, b), similarity) =>
      (seen(a).doc.id, seen(b).doc.id) -> similarity
    }
    found.size == ids.size && found.forall(r =>
      ids(r.id) && !ids(r.kept) && duplicates.get((r.kept, r.id)) == r.similarity
    )
  }

  private def inOrder(docs: Seq[Doc], config: NearConfig): Seq[Seen] = {
    val hasher = new MinHasher(config.banding.components, config.seed)
    docs
      .sortBy(d => (d.increment, -d.length, d.id))
      .map(d => (d, Shingles.of(d.text, config.shingleWords)))
      .collect { case (d, set) if set.nonEmpty => Seen(d, set, hasher.signature(set)) }
  }

  private def pairs(
      seen: Seq[Seen],
      config: NearConfig,
      firstNew: Int
  ): Map[(Int, Int), Double] =
    (for {
      (b, i) <- seen.zipWithIndex
      (a, j) <- seen.take(i).zipWithIndex
      if b.doc.increment >= firstNew && config.banding.share(a.signature, b.signature)
      s = Shingles.jaccard(a.set, b.set) if s >= config.threshold
    } yield (j, i) -> s).toMap

  private def greedy(n: Int, duplicates: Map[(Int, Int), Double]): Map[Int, Int] = {
    val better = duplicates.keys.groupMap(_._2)(_._1)
    (0 until n).foldLeft(Map.empty[Int, Int]) { (removed, i) =>
      val kept = better.getOrElse(i, Nil).filterNot(removed.contains)
      if (kept.isEmpty) removed else removed + (i -> kept.minBy(j => (-duplicates((j, i)), j)))
    }
  }

  private def closure(n: Int, duplicates: Map[(Int, Int), Double]): Map[Int, Int] = {
    val root = (0 until n).toArray
    var changed = true
    while (changed) {
      changed = false
      for ((a, b) <- duplicates.keys if root(a) != root(b)) {
        val least = math.min(root(a), root(b))
        root(a) = least
        root(b) = least
        changed = true
      }
    }
    (0 until n).collect { case i if root(i) != i => i -> root(i) }.toMap
  }
}

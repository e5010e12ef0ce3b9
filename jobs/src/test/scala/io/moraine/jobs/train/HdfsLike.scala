package io.moraine.jobs.train

import java.net.URI
import java.nio.file.{Files, Path => LocalPath, StandardCopyOption}
import java.util.EnumSet
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.permission.FsPermission
import org.apache.hadoop.fs.{
  CreateFlag,
  DelegateToFileSystem,
  FSDataOutputStream,
  FileStatus,
  Path,
  RawLocalFileSystem
}
import org.apache.hadoop.util.Progressable

/** A file system with the manners of HDFS, on this machine's disk: `rename` replaces nothing and
  * wants the target's folder, only FileContext replaces, in one step. A test may do something
  * before each call.
  */
class HdfsLike extends RawLocalFileSystem {

  override def getUri: URI = HdfsLike.uri
  override def getScheme: String = HdfsLike.uri.getScheme

  /** Tells when a file's bytes are made safe, and when it is closed. */
  private def told(path: Path, below: FSDataOutputStream): FSDataOutputStream =
    new FSDataOutputStream(below.getWrappedStream, null) {
      override def hsync(): Unit = {
        before("hsync", path)
        below.hsync()
      }
      override def close(): Unit = {
        before("close", path)
        super.close()
      }
    }

  private def before(call: String, path: Path): Unit =
    HdfsLike.watch(HdfsLike.Call(call, pathToFile(path).toPath, pathToFile(path).toPath))

  /** HDFS starts no process for it. */
  override def setPermission(path: Path, permission: FsPermission): Unit = ()

  override def create(
      path: Path,
      overwrite: Boolean,
      bufferSize: Int,
      replication: Short,
      blockSize: Long,
      progress: Progressable
  ): FSDataOutputStream = {
    before("create", path)
    told(path, super.create(path, overwrite, bufferSize, replication, blockSize, progress))
  }

  override def create(
      path: Path,
      permission: FsPermission,
      overwrite: Boolean,
      bufferSize: Int,
      replication: Short,
      blockSize: Long,
      progress: Progressable
  ): FSDataOutputStream = {
    before("create", path)
    told(
      path,
      super.create(path, permission, overwrite, bufferSize, replication, blockSize, progress)
    )
  }

  override def createNonRecursive(
      path: Path,
      permission: FsPermission,
      flags: EnumSet[CreateFlag],
      bufferSize: Int,
      replication: Short,
      blockSize: Long,
      progress: Progressable
  ): FSDataOutputStream = {
    before("create", path)
    told(
      path,
      super
        .createNonRecursive(path, permission, flags, bufferSize, replication, blockSize, progress)
    )
  }

  override def rename(from: Path, to: Path): Boolean = {
    watch(from, to)
    !exists(to) && exists(to.getParent) && pathToFile(from).renameTo(pathToFile(to))
  }

  /** As HDFS does it for FileContext. */
  def replace(from: Path, to: Path): Unit = {
    watch(from, to)
    Files.move(
      pathToFile(from).toPath,
      pathToFile(to).toPath,
      StandardCopyOption.ATOMIC_MOVE
    )
  }

  private def watch(from: Path, to: Path): Unit =
    HdfsLike.watch(HdfsLike.Call("rename", pathToFile(from).toPath, pathToFile(to).toPath))

  override def delete(path: Path, recursive: Boolean): Boolean = {
    before("delete", path)
    super.delete(path, recursive)
  }

  override def listStatus(path: Path): Array[FileStatus] = {
    before("list", path)
    super.listStatus(path)
  }
}

/** What FileContext makes of it. */
class HdfsLikeContext(uri: URI, conf: Configuration)
    extends DelegateToFileSystem(uri, new HdfsLike, conf, HdfsLike.uri.getScheme, false) {

  override def renameInternal(from: Path, to: Path, overwrite: Boolean): Unit = {
    assert(overwrite)
    fsImpl.asInstanceOf[HdfsLike].replace(from, to)
  }
}

object HdfsLike {

  val uri: URI = URI.create("hdfslike:///")

  /** A call of the file system; `to` is its path, or where to one is renamed. */
  final case class Call(name: String, from: LocalPath, to: LocalPath) {
    def file: String = to.getFileName.toString
  }

  @volatile private var watcher: Call => Unit = _ => ()

  private def watch(call: Call): Unit = watcher(call)

  /** Does something before each call while a test goes on. */
  def watched[T](before: Call => Unit)(test: => T): T = {
    watcher = before
    try test
    finally watcher = _ => ()
  }

  /** Makes it known to Hadoop, and to its newer interface. */
  def register(hadoop: Configuration): Configuration = {
    hadoop.set("fs.hdfslike.impl", classOf[HdfsLike].getName)
    hadoop.set("fs.AbstractFileSystem.hdfslike.impl", classOf[HdfsLikeContext].getName)
    hadoop
  }

  /** A run's folder there. */
  def run(folder: LocalPath): RunFolder = RunFolder.at(s"hdfslike:$folder")
}

package io.moraine.model.checkpoint

import java.io.InputStream
import java.nio.file.Path
import java.util.{List => JList}

/** A folder of this machine in which something is done before each file is written. */
class WatchedStorage(root: Path, before: String => Unit) extends Storage {
  private val storage = new LocalStorage(root)
  override def list(folder: String): JList[String] = storage.list(folder)
  override def exists(file: String): Boolean = storage.exists(file)
  override def open(file: String): InputStream = storage.open(file)
  override def rename(folder: String, name: String): Unit = storage.rename(folder, name)
  override def deleteFolder(folder: String): Unit = storage.deleteFolder(folder)
  override def write(file: String, content: Storage.Content): Unit = {
    before(file)
    storage.write(file, content)
  }
}

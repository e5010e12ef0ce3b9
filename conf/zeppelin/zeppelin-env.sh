# Settings of Zeppelin's Spark interpreter for the notes of notebooks/. Copy it to $ZEPPELIN_HOME/conf and set, in the shell that starts
# Zeppelin, MORAINE_HOME to Moraine's checkout and SPARK_HOME to Spark 3.5 for Scala 2.13.

export MORAINE_HOME="${MORAINE_HOME:?is not set. In the checkout of Moraine: export MORAINE_HOME=\"\$PWD\", then start Zeppelin from that shell}"
export SPARK_HOME="${SPARK_HOME:?is not set. Where Spark 3.5 for Scala 2.13 is: export SPARK_HOME=/path/to/spark, then start Zeppelin from that shell}"

# Where the interpreter runs; spark://host:7077 or yarn for a cluster.
export SPARK_MASTER="${SPARK_MASTER:-local[*]}"

# The functions that the notes call. Zeppelin splits these options at spaces, whatever is quoted.
export SPARK_SUBMIT_OPTIONS="--jars $MORAINE_HOME/jobs/target/moraine.jar --conf spark.sql.session.timeZone=UTC"

# What they need of Java 17, and one thread pool when a model generates.
export JDK_JAVA_OPTIONS="--add-modules=jdk.incubator.vector -Dorg.bytedeco.javacpp.nopointergc=true -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0"
export OPENBLAS_NUM_THREADS=1

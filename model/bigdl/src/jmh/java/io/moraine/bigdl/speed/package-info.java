/** What is measured inside BigDL's class loader. */
package io.moraine.bigdl.speed;

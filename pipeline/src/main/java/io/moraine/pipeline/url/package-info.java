/** When two documents are the same without a look at their words: by the key of their URL. */
package io.moraine.pipeline.url;

/**
 * Settings files (HOCON) to the records that the libraries take: every key documented in conf/,
 * unknown keys are errors that name file, line and the allowed keys.
 */
package io.moraine.jobs.config;

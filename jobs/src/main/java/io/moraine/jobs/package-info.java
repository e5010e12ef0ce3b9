/**
 * Programs: parse options and settings, build objects, run them, report. The only place where
 * pipeline, model and cluster meet.
 */
package io.moraine.jobs;

/**
 * The command line: options of every command, exit codes, error messages. The only package that
 * ends the process or reads the environment and system properties.
 */
package io.moraine.jobs.cli;

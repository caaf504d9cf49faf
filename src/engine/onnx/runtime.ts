/**
 * ONNX Runtime, with its reports to its makers turned off. Since 1.29 the builds for Linux and macOS send Microsoft one event per
 * process, session and error, unless this variable is set before the runtime starts
 * (https://github.com/microsoft/onnxruntime/pull/27379). Questions and students are their owner's alone: nobody hears of a run who
 * was not asked for. Everything here imports the runtime from this file.
 */
import "./no-telemetry.ts";
import ort from "onnxruntime-node";

export default ort;

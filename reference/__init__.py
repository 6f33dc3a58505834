"""The answer key: one module per section of the lab, and `produce`, which runs them into an artefact folder.

Read the sections in the lab's order: `linear`, `tuner`, `logistic`, `tflite`, `cnn`, `transfer`, `formats`,
`quantization`. Each builds its model, trains it, and ends with a `run` that saves the files and gives the
evidence. What surrounds them: `settings` (what can be asked for), `evidence` (what is written down), `folder`
(nothing half-written), `convert` and `converter` (TFLite in a process of its own), `versions` (what differs
between TensorFlow 2.12 and 2.21) and `environment`.
"""

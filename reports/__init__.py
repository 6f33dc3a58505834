"""Pure renderers: records in, HTML, JUnit and Markdown out. No TensorFlow, no pytest, no clock."""

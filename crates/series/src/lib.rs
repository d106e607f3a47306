//! Loss series: recognise them in a log, keep them, view them. No runtime.

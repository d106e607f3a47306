"""The defaults of serve.py as an inference.py for SageMaker, for a model that came without a script.

Pack it as code/inference.py with serving_model.py beside it: AWS's scikit-learn container has no model_fn of its own,
and its default input_fn hands one line of CSV to the model as a column. So a bare model.joblib answers there as here.
"""

from serving_model import decode as input_fn
from serving_model import encode as output_fn
from serving_model import load_model as model_fn
from serving_model import predict as predict_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]

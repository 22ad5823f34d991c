"""Make ``model-index.yml`` and ``configs/metafile.yml``, which MMPose and mim read, from the table.

python -m centergroup_mm.zoo.metafile
"""

from __future__ import annotations

from typing import Any

import yaml

from .models import MODELS, Model

#: of weights that the package finds, or says where they are published
SCHEME = 'centergroup_mm://'
NOTE = '# made by `python tools/make_model_index.py` from centergroup_mm/zoo/models.py\n'
COLLECTION: dict[str, Any] = {
    'Name': 'CenterGroup',
    'Paper': {
        'Title': 'The Center of Attention: Center-Keypoint Grouping via Attention for Multi-Person '
        'Pose Estimation',
        'URL': 'https://arxiv.org/abs/2110.05132',
    },
    'README': 'README.md',
}


def row_of(model: Model) -> dict[str, Any]:
    """Return the entry of a model, with the keys that MMPose's own metafiles have."""
    return {
        'Name': model.name,
        **({'Alias': list(model.aliases)} if model.aliases else {}),
        'In Collection': COLLECTION['Name'],
        'Config': f'configs/{model.name}.py',
        'Metadata': {'Architecture': list(model.parts), 'Training Data': model.data},
        'Results': [
            {
                'Task': 'Body 2D Keypoint',
                'Dataset': result.dataset,
                'Metrics': dict(result.metrics),
                'Source': result.source,
            }
            for result in model.results
        ],
        'Weights': f'{SCHEME}{model.name}',
    }


def texts() -> dict[str, str]:
    """Return the content of each file by its path in the repository."""
    content = {'Collections': [COLLECTION], 'Models': [row_of(model) for model in MODELS]}
    metafile = yaml.safe_dump(content, sort_keys=False, width=100)
    index = yaml.safe_dump({'Import': ['configs/metafile.yml']})
    return {'configs/metafile.yml': NOTE + metafile, 'model-index.yml': NOTE + index}

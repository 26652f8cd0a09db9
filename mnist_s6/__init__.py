"""Build, see and trust a convolutional network on handwritten digits.

To read a digit:    from mnist_s6.predict import predict; predict('photo.png')
                    or, in a terminal: mnist_s6_predict photo.png
To read a line:     from mnist_s6.numbers import read_number; read_number('house_number.jpg')
To get the data:    from mnist_s6.datasets import load_data; train, test = load_data(128)
To train:           from mnist_s6.train import RECIPES, run_recipe; run = run_recipe('quick')
                    or, in a terminal: mnist_s6_train quick
To keep a network:  from mnist_s6.weights import load_network, save_weights; save_weights(run.model, 'mine.safetensors')
The networks:       mnist_s6.model; how to train one: mnist_s6.fit; how to judge it: mnist_s6.util and mnist_s6.misread
To play:            mnist_s6.widgets, in a notebook; to practise: mnist_s6.exercises

Importing mnist_s6 alone loads none of these.
"""

__version__ = "0.1.0"

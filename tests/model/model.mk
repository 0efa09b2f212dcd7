# The models of the algorithms, for Spin.

.PHONY: model
model: tools-model
	@tests/model/run.py --out $(B)/model \
	    $(if $(MODEL),--model $(call q,$(MODEL)))

# |make model     Spin's models of the algorithms (docs/models.md)
# |                 MODEL=name  one of tests/model/*.pml

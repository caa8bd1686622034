"""Which operations may multiply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from rnn_vs_attn.measure.operations.multiplies import never_multiplies

REVIEWED = """
_addmm_activation _cdist_backward _cdist_forward _cholesky_solve_helper _compute_linear_combination _conv_depthwise2d
_convolution _cslt_sparse_mm _cudnn_rnn _cudnn_rnn_backward _dyn_quant_matmul_4bit _efficient_attention_backward
_efficient_attention_forward _embedding_bag _embedding_bag_per_sample_weights_backward _euclidean_dist _fft_c2c
_fft_c2r _fft_r2c _flash_attention_backward _flash_attention_forward _foreach_mm _grouped_mm _int_mm _linalg_det
_linalg_eigh _linalg_eigvals _linalg_slogdet _linalg_solve_ex _linalg_svd _lstm_mps _mixed_dtypes_linear
_mps_convolution _native_multi_head_attention _nnpack_spatial_convolution _pdist_backward _pdist_forward
_scaled_dot_product_cudnn_attention _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention_for_cpu_backward
_scaled_dot_product_fused_attention_overrideable _scaled_grouped_mm _scaled_mm _slow_conv2d_backward
_slow_conv2d_forward _sparse_addmm _sparse_mm_reduce_impl _sparse_semi_structured_addmm
_sparse_semi_structured_apply_dense _sparse_semi_structured_linear _sparse_semi_structured_mm _sparse_sparse_matmul
_spsolve _transformer_encoder_layer_fwd _trilinear _triton_multi_head_attention _triton_scaled_dot_attention
_weight_int4pack_mm _weight_int8pack_mm addbmm addmm addmv addr affine_grid_generator baddbmm bmm cholesky
cholesky_inverse cholesky_solve conv_depthwise3d conv_tbc convolution convolution_backward cudnn_convolution
cudnn_convolution_add_relu dot geqrf hspmm linalg_cholesky_ex linalg_eig linalg_eigvals linalg_householder_product
linalg_inv_ex linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu linalg_lu_factor_ex linalg_lu_solve
linalg_matrix_exp linalg_pinv linalg_qr linalg_solve_triangular linear linear_backward matmul_backward
miopen_convolution miopen_rnn mkldnn_convolution mkldnn_linear mkldnn_linear_backward mkldnn_rnn_layer
mkldnn_rnn_layer_backward mm mv ormqr quantized_gru quantized_lstm slow_conv3d_forward slow_conv_dilated2d
slow_conv_transpose2d sparse_sampled_addmm sspaddmm triangular_solve vdot
""".split()
TAKES_ELEMENTS = """
_adaptive_avg_pool2d_backward _ctc_loss _ctc_loss_backward _foreach_add_ _foreach_addcmul _fused_rms_norm
_index_put_impl_ _log_softmax_backward_data _native_batch_norm_legit _prelu_kernel_backward _softmax
_softmax_backward_data _thnn_fused_gru_cell _thnn_fused_lstm_cell_backward_impl _unsafe_index_put
_weight_norm_interface_backward adaptive_max_pool2d_backward addcmul avg_pool2d_backward batch_norm_backward
binary_cross_entropy_backward cat copy_ cumprod cumsum elu_backward fractional_max_pool2d gelu_backward glu_backward
grid_sampler_2d_backward hardswish_backward huber_loss index_add_ index_copy index_put_ lerp linalg_cross
linalg_vector_norm log_sigmoid_backward logcumsumexp masked_scatter max_pool2d_with_indices_backward max_unpool2d
mish_backward mse_loss_backward native_group_norm_backward native_layer_norm_backward nll_loss_backward polar put
reflection_pad1d_backward replication_pad2d_backward scatter_add_ scatter_reduce searchsorted segment_reduce
sigmoid_backward slice_scatter softplus_backward softshrink_backward stack tanh_backward threshold_backward
unfold_backward upsample_bicubic2d_backward upsample_linear1d_backward where
""".split()


def forms(names: list[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        packet = getattr(torch.ops.aten, name, None)
        for overload in packet.overloads() if packet is not None else []:
            yield name, getattr(packet, overload)


def test_no_operation_that_may_multiply_is_taken_for_one_that_does_not() -> None:
    """All that were found among torch's some 1,700 operators, and all that torch has a formula for."""
    assert {name for name, func in forms(REVIEWED) if never_multiplies(func)} == set()
    known = [packet for packet in flop_registry if hasattr(packet, "overloads")]
    assert len(known) > 15
    for packet in known:
        assert not any(never_multiplies(getattr(packet, overload)) for overload in packet.overloads()), packet


def test_operations_that_take_elements_are_told_by_their_tags_arguments_and_kind() -> None:
    assert {name for name, func in forms(TAKES_ELEMENTS) if not never_multiplies(func)} == set()

"""Calls as programs spell them, each in minitorch and in PyTorch: values, types, gradients.

One line is one call. What is in it: x and y, (4, 6); n, (2, 3, 4, 4); v, (6,); u, bytes; i, l,
integers; b, bool.
"""

import re

import numpy as np
import pytest
from compare import compare

import minitorch

RNG = np.random.default_rng(0)
DIFFERENTIATED = {
    "x": RNG.standard_normal((4, 6)),
    "y": RNG.standard_normal((4, 6)),
    "n": RNG.standard_normal((2, 3, 4, 4)),
    "v": RNG.standard_normal(6),
}
CONSTANTS = {
    "u": RNG.integers(0, 255, (3, 4)).astype("uint8"),
    "i": RNG.integers(0, 4, (4, 6)),
    "l": np.array([0, 2, 1, 0]),
    "b": DIFFERENTIATED["x"] > 0,
}

CALLS = """
torch.cat((x,y),axis=1)
torch.cat(tensors=[x,y],dim=-1)
torch.stack([x,y],axis=0)
torch.concatenate((x,y),axis=1)
x.sum(axis=1,keepdims=True)
torch.mean(x,axis=(0,1))
torch.max(x,axis=1)[0]
torch.max(x,other=y)
x.max(dim=1,keepdim=True).values
torch.argmax(x,axis=-1)
x.unsqueeze(axis=0)
torch.squeeze(x[None],axis=0)
x[None].squeeze((0,))
torch.softmax(x,axis=1)
x.softmax(axis=1)
torch.sort(x,axis=0)[1]
x.sort(descending=True)
x.argsort(axis=1)
x.topk(2,1,True,True)
x.unfold(dimension=1,size=2,step=2)
x.norm(2,1,True)
x.norm(p=2,dim=1,keepdim=True)
torch.norm(x,p=1)
torch.norm(x,float('inf'),0)
x.std(0)
x.std(1,unbiased=False)
torch.std(x,dim=1,correction=0)
x.var(dim=1)
x.mean((0,1))
x.clamp(min=0)
x.clamp(max=y)
torch.clamp(x,0.1,0.5)
x.expand(3,-1,-1)
x.repeat(2,1)
x.repeat((2,1,1))
x.view(-1)
x.view((2,-1))
x.view(x.size(0),-1)
x.reshape(shape=(3,8))
x.permute(dims=(1,0))
x.transpose(dim0=0,dim1=1)
x.t().contiguous().view(-1)
x.flatten(start_dim=0)
x.split(2)
x.split([1,3],dim=0)
torch.split(x,split_size_or_sections=2,dim=1)
x.chunk(2,dim=-1)
x.masked_fill(b,0.)
x.masked_fill(b,float('-inf')).softmax(-1)
x.masked_select(b)
x[b]
x[:,None]
x[...,0]
x[:,[0,2]]
x[l]
x[l,1:3]
x.index_select(0,l)
torch.index_select(input=x,dim=1,index=l)
x.gather(1,i[:,:2])
torch.gather(x,0,index=i)
torch.zeros(4,6).scatter_(1,i,1.)
torch.zeros(4,6).scatter_(1,i[:,:1],1)
torch.zeros(4,6).scatter_(dim=1,index=i[:,:1],value=2)
torch.zeros(4,6,dtype=x.dtype).scatter_add_(0,i,x.detach())
torch.zeros(4,dtype=x.dtype).index_add_(0,l,x[:,0])
x.eq(y).sum()
(x>y).float().mean()
x.ge(0.5).type(torch.FloatTensor)
x.gt(0).long().sum().item()
x.lt(0).any(1)
x.ne(x.t().t()).all()
torch.where(x>0,x,torch.zeros_like(x))
torch.where(x>0,x,0.)
x.where(x>0,y)
torch.nonzero(x>0)
torch.nonzero(x>0,as_tuple=True)
(x>0).nonzero().squeeze()
torch.unique(i)
torch.unique(i,return_counts=True)
torch.bincount(l,minlength=5)
torch.histc(x.detach(),bins=4,min=-1,max=1)
torch.linspace(0,1,steps=5)
torch.arange(5.)
torch.arange(0,10,2)
torch.arange(start=1,end=4)
torch.full((2,3),7)
torch.full((2,3),1.5,dtype=torch.float64)
torch.eye(3)
torch.tril(torch.ones(3,3))
torch.triu(x,diagonal=1)
torch.meshgrid(torch.arange(3),torch.arange(2),indexing='ij')
torch.einsum('ij,kj->ik',x,y)
torch.einsum('bchw->bc',n)
torch.matmul(x,y.t())
x@y.T
x.mm(y.t())
torch.bmm(x[None],y.t()[None])
torch.addmm(torch.ones(4,4,dtype=x.dtype),x,y.t(),beta=0.5,alpha=2)
torch.addcmul(x,x,y,value=0.5)
torch.addcdiv(x,x,y,value=0.5)
torch.baddbmm(torch.ones(1,4,4,dtype=x.dtype),x[None],y.t()[None])
torch.lerp(x,y,0.3)
torch.dot(v,v)
torch.outer(v,v)
torch.ger(v,v)
x.cumsum(1)
torch.cumprod(x,dim=0)
x.prod(1)
torch.logsumexp(x,dim=1)
x.exp().log1p().sqrt().pow(2)
x.abs().pow(0.5)
2**x
x.pow(-1)
1/x
x//0.5
x%0.5
-x
x.neg().abs_()
torch.round(x,decimals=1)
x.floor().int()
x.fix()
x.sign()
x.rsqrt().nan_to_num()
x.sigmoid().logit()
torch.allclose(x,x)
torch.equal(x,y)
x.tolist()
x.size(),x.size(-1),x.dim(),x.numel(),x.nelement(),x.ndimension()
x.new_zeros(2,3)
x.new_tensor([1.,2.])
x.new_full((2,),3)
x.type_as(y)
x.to(torch.float32)
x.to(y)
x.double().float().half().float()
torch.tensor([1,2.5])
torch.tensor(3)
torch.tensor([True,False])
torch.as_tensor([1,2])
torch.FloatTensor([1,2])
torch.LongTensor([[1,2]])
torch.Tensor([1,2]).long()
torch.zeros_like(x,dtype=torch.int64)
torch.ones(2,3,dtype=torch.bool)
torch.zeros(torch.Size([2,3]))
torch.flip(x,[0])
x.flip(1)
torch.roll(x,1,0)
torch.rot90(x)
torch.tile(x,(2,))
x.repeat_interleave(2,dim=0)
torch.repeat_interleave(v,2)
x.diagonal()
torch.diag(v)
torch.trace(x[:4,:4])
x.kthvalue(2)
x.median()
x.median(1)
torch.min(x,1)
x.min(1)[1]
x.aminmax(dim=1)
x.amax((0,1))
torch.count_nonzero(x>0,dim=1)
torch.isnan(x).any()
torch.isfinite(x)
torch.clip(x,-1,1)
torch.hypot(x,y)
torch.atan2(x,y)
torch.fmod(x,0.7)
torch.remainder(x,-0.7)
torch.true_divide(x,y)
torch.div(x,y,rounding_mode='floor')
torch.floor_divide(x,2)
torch.sub(x,y,alpha=2)
torch.add(x,y,alpha=0.5)
torch.add(input=x,other=1)
torch.mul(input=x,other=y)
torch.rsub(x,1)
u.float()/255
u+1
u*0.5
u-300
u//7
~u
u&3
u<<1
i/2
i**2
i%3
-i
i.float().mean()
torch.cross(x[:,:3],y[:,:3],dim=1)
torch.cdist(x,y)
torch.tensordot(x,y,dims=([1],[1]))
torch.kron(x[:2,:2],y[:2,:2])
torch.broadcast_tensors(x,v)
torch.atleast_2d(v)
torch.hstack([v,v])
torch.vstack([v,v])
torch.movedim(n,1,-1)
n.mean([2,3])
n.view(n.size(0),-1).mean(1,keepdim=True)
n.flatten(1)
n.permute(0,2,3,1).reshape(-1,3)
n.narrow(1,0,2)
n.select(1,0)
n.unbind(1)
n[:,1:,::2,::2]
n.sum(dim=(2,3),keepdim=True)
n.std(dim=(0,2,3))
n.var([0,2,3],unbiased=False)
n.index_select(1,l[:2])
n.swapaxes(1,2)
torch.bucketize(x.detach(),torch.tensor([0.,1.],dtype=x.dtype))
torch.searchsorted(torch.tensor([0.,1.],dtype=x.dtype),x.detach())
torch.take_along_dim(x,i,dim=1)
torch.index_fill(x,0,l[:1],5.)
torch.masked_scatter(x,b,y)
torch.logaddexp(x,y)
torch.erfinv(x.tanh())
torch.nansum(x)
torch.std_mean(x,dim=1)
torch.var_mean(x)
F.one_hot(l,4)
F.normalize(x,p=2,dim=1)
F.cosine_similarity(x,y,dim=-1)
F.log_softmax(x,dim=1).exp()
F.nll_loss(F.log_softmax(x,dim=1),l)
F.cross_entropy(x,l,label_smoothing=0.1)
F.cross_entropy(x,l,reduction='sum',ignore_index=0)
F.binary_cross_entropy_with_logits(x,(y>0).double(),pos_weight=torch.full((6,),2.).double())
F.mse_loss(x,y.detach(),reduction="none")
F.smooth_l1_loss(x,y.detach())
F.kl_div(F.log_softmax(x,1),F.softmax(y.detach(),1),reduction="batchmean")
F.linear(x,y)
F.pad(n,(1,1,2,0))
F.pad(n,[1,2,1,2],mode='reflect')
F.interpolate(n,scale_factor=2)
F.interpolate(n,size=(7,7),mode='bilinear',align_corners=True)
F.max_pool2d(n,2)
F.max_pool2d(n,kernel_size=3,stride=2,padding=1)
F.avg_pool2d(n,n.size()[2:])
F.avg_pool2d(n,n.shape[3])
F.adaptive_avg_pool2d(n,(1,1))
F.adaptive_avg_pool2d(n,1).squeeze()
F.relu6(n)
F.leaky_relu(n,0.2)
F.elu(n)
F.softplus(n)
F.gelu(n)
F.silu(n)
F.hardswish(n)
F.glu(x,1)
F.dropout(n,0.5,False)
F.dropout(n,p=0.,training=True)
F.unfold(n,3)
F.pixel_shuffle(torch.cat([n,n[:,:1]],1),2)
F.layer_norm(x,(6,))
F.batch_norm(n,torch.zeros(3).double(),torch.ones(3).double())
F.instance_norm(n)
F.group_norm(n,3)
F.embedding(l,x)
F.upsample(n,scale_factor=2)
F.sigmoid(x)
F.tanh(x)
F.softmin(x,1)
F.logsigmoid(x)
F.conv2d(n,n)
F.conv_transpose2d(n,torch.ones(3,2,3,3).double(),stride=2)
torch.flip(x, dims=[0, 1])
x.permute(dims=(1, 0))
x.view(size=(6, 4))
x.expand(size=(2, 4, 6))
x.repeat(repeats=(2, 1))
torch.tile(x, dims=(2, 1))
""".strip().split("\n")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS)
def test_call(torch, call):
    used = [name for name in DIFFERENTIATED if re.search(rf"(?<![\w.\"']){name}\b(?!=)", call)]

    def run(module):
        def function(*tensors):
            names = {k: module.from_numpy(a.copy()) for k, a in CONSTANTS.items()}
            names.update(zip(used, tensors, strict=True), torch=module, F=module.nn.functional)
            result = eval(call, names)
            return tuple(result) if isinstance(result, (list, tuple)) else result

        return function

    arrays = [DIFFERENTIATED[name] for name in used]
    compare(torch, run(minitorch), run(torch), *arrays, rtol=1e-6, atol=1e-9)
